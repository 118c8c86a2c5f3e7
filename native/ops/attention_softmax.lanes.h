// What attention's forward in f32 and in bf16 share: a chunk's exponentials, and how partial results become one.
#pragma once

#include "core/elementary.lanes.h"
#include "ops/attention_chunk.lanes.h"
#include "ops/log_softmax.h"

namespace agl::AGL_ISA {

// Scales `count` scores, replaces them by their exponentials relative to their maximum, rounded to bf16 after the sum has
// taken them; lanes beyond are +0 up to the panel's end.
template <bool rounded>
inline void softmaxChunk(float* scores, std::int64_t count, float scale, float& maximum, float& sum) {
  const F16 none = broadcast(-__builtin_inff());
  F16 most = none;
  for (std::int64_t j = 0; j < count; j += kLanes) {
    F16 s = mul(load(scores + j), broadcast(scale));
    if (count - j < kLanes) s = select(firstLanes(static_cast<int>(count - j)), s, none);
    store(scores + j, s);
    most = max(most, s);
  }
  maximum = maxLanes(most);
  F16 sums = broadcast(0.0F);
  for (std::int64_t j = 0; j < count; j += kLanes) {
    const F16 e = exp(sub(load(scores + j), broadcast(maximum)));
    store(scores + j, rounded ? roundToBf16(e) : e);
    sums = add(sums, e);
  }
  sum = sumLanes(sums);
}

// The one function that joins a later chunk's partial result to those before it.
inline void mergePartial(float* out, float& maximum, float& sum, const float* partial, float partialMaximum,
                         float partialSum, std::int64_t padded) {
  const float most = maximum > partialMaximum ? maximum : partialMaximum;
  const float before = exp(maximum - most);
  const float later = exp(partialMaximum - most);
  for (std::int64_t d = 0; d < padded; d += kLanes) {
    store(out + d, add(mul(load(out + d), broadcast(before)), mul(load(partial + d), broadcast(later))));
  }
  sum = sum * before + partialSum * later;
  maximum = most;
}

// Joins the chunk's partial results of queries [q0, q0 + rows) to those before; the first chunk's lie in s.out already.
inline void takePartials(const AttentionScratch& s, const AttentionChunk& t, std::int64_t q0, std::int64_t rows,
                         const float* maximum, const float* sum) {
  for (std::int64_t i = 0; i < rows; i++) {
    const std::int64_t q = q0 + i;
    if (t.begin == 0) {
      s.maximum[q] = maximum[i];
      s.sum[q] = sum[i];
    } else {
      mergePartial(s.out + q * t.padded, s.maximum[q], s.sum[q], s.partial + i * t.padded, maximum[i], sum[i],
                   t.padded);
    }
  }
}

inline void finishQueries(const AttentionOperands& o, const AttentionTask& task, const AttentionScratch& s,
                          const AttentionChunk& t) {
  for (std::int64_t q = 0; q < t.queries; q++) {
    float* row = queryRow(o.out, task, t.group, t.headSize, q);
    const F16 sum = broadcast(s.sum[q]);
    for (std::int64_t d = 0; d < t.headSize; d += kLanes) {
      storeFirst(row + d, div(load(s.out + q * t.padded + d), sum),
                 static_cast<int>(atMost(kLanes, t.headSize - d)));
    }
    if (o.lse.data != nullptr) *queryRow(o.lse, task, t.group, 1, q) = s.maximum[q] + logOf(s.sum[q]);
  }
}

}  // namespace agl::AGL_ISA
