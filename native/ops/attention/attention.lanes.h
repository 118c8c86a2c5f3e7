// Attention over sixteen lanes, forward in f32. Queries go in blocks of a register tile's height, keys in chunks.
#pragma once

#include "ops/attention/attention_backward.lanes.h"
#include "ops/attention/attention_bf16.lanes.h"
#include "ops/attention/attention_softmax.lanes.h"

namespace agl::AGL_ISA {

inline void forwardBlock(const AttentionScratch& s, const AttentionChunk& t, float scale, std::int64_t q0,
                         std::int64_t rows) {
  const bool first = t.begin == 0;
  float maximum[kTileRows];
  float sum[kTileRows];
  scoreProduct(s.scores, s.q, s.keysT, t, q0, rows, t.keysOf(q0 + rows - 1));
  for (std::int64_t i = 0; i < rows; i++) {
    softmaxChunk<false>(s.scores + i * kChunk, t.keysOf(q0 + i), scale, maximum[i], sum[i]);
  }
  weightedRows(first ? s.out + q0 * t.padded : s.partial, s.scores, s.values, t, q0, rows, true);
  takePartials(s, t, q0, rows, maximum, sum);
}

inline void attentionForward(const AttentionOperands& o, const AttentionBundle& bundle, const AttentionScratch& s) {
  overBundle(
      o, bundle, s, kLanes,
      [&](const AttentionTask& task, const AttentionChunk& t, const AttentionScratch& own) {
        gatherQueries<false>(own.q, o.q, task, t);
      },
      [&](const AttentionTask& task, const AttentionChunk& t, std::int64_t first) {
        gatherTransposed<float>(s.keysT, o.k, task, t, first);
        gatherRows<float>(s.values, o.v, task, t, first);
      },
      [&](const AttentionTask& task, const AttentionChunk& t, const AttentionScratch& own) {
        const std::int64_t first = t.firstQuery();
        const std::int64_t blocks = (t.queries - first + kTileRows - 1) / kTileRows;
        for (std::int64_t b = 0; b < blocks; b++) {
          const std::int64_t q0 = first + (t.queries - first) * b / blocks;
          const std::int64_t q1 = first + (t.queries - first) * (b + 1) / blocks;
          forwardBlock(own, t, task.shape.scale, q0, q1 - q0);
        }
      });
}

constexpr AttentionKernels kAttention = {attentionForward, bf16AttentionForward, attentionBackward};

}  // namespace agl::AGL_ISA
