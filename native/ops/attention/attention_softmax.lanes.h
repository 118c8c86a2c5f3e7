// What attention's forward in f32 and in bf16 share: the walk over a bundle's chunks, a chunk's exponentials, and how partial
// results become one.
#pragma once

#include "core/elementary.lanes.h"
#include "ops/attention/attention_chunk.lanes.h"
#include "ops/head/log_softmax.h"

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

// The scratch of the task whose queries begin at `query` of the bundle's; `queryFloats` from one query to the next in s.q.
inline AttentionScratch scratchFrom(const AttentionScratch& s, const AttentionChunk& t, std::int64_t query,
                                    std::int64_t queryFloats) {
  AttentionScratch own = s;
  own.q += query * queryFloats;
  own.out += query * t.padded;
  own.maximum += query;
  own.sum += query;
  return own;
}

// Walks all tasks chunk by chunk: begin(task, t, s) once for each, gather(task, t, first) where keys from `first` on are
// not those at hand, run(task, t, s) for every chunk.
template <class Begin, class Gather, class Run>
inline void overBundle(const AttentionOperands& o, const AttentionBundle& bundle, const AttentionScratch& s,
                       std::int64_t queryFloats, Begin begin, Gather gather, Run run) {
  AttentionChunk chunks[AttentionScratch::kBundle];
  AttentionScratch scratches[AttentionScratch::kBundle];
  std::int64_t query = 0;
  for (std::int64_t i = 0; i < bundle.count; i++) {
    chunks[i].start(bundle.tasks[i], bundle.queries);
    scratches[i] = scratchFrom(s, chunks[i], query, queryFloats);
    query += chunks[i].queries;
    begin(bundle.tasks[i], chunks[i], scratches[i]);
  }
  for (bool left = true; left;) {
    left = false;
    const AttentionChunk* gathered = nullptr;
    for (std::int64_t i = 0; i < bundle.count; i++) {
      if (!chunks[i].next()) continue;
      left = true;
      const std::int64_t first = gathered == nullptr ? 0 : chunks[i].keysAlsoIn(*gathered);
      if (first < chunks[i].count) gather(bundle.tasks[i], chunks[i], first);
      gathered = &chunks[i];
      run(bundle.tasks[i], chunks[i], scratches[i]);
    }
  }
  for (std::int64_t i = 0; i < bundle.count; i++) finishQueries(o, bundle.tasks[i], scratches[i], chunks[i]);
}

}  // namespace agl::AGL_ISA
