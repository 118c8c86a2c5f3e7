// Backward of attention over sixteen lanes: p is computed again from q, k and lse, chunk by chunk.
#pragma once

#include "core/elementary.lanes.h"
#include "ops/attention/attention_chunk.lanes.h"

namespace agl::AGL_ISA {

// delta = dout . out, in 16 lanes, then one fixed tree.
inline float attentionDelta(const float* dout, const float* out, std::int64_t headSize) {
  F16 sums = broadcast(0.0F);
  for (std::int64_t d = 0; d < headSize; d += kLanes) {
    const int width = static_cast<int>(atMost(kLanes, headSize - d));
    sums = fma(loadFirst(dout + d, width), loadFirst(out + d, width), sums);
  }
  return sumLanes(sums);
}

// From q . k in p and dout . v in ds: p, and the gradient of q . k in ds. Lanes from `count` to `written` become 0.
inline void scoreGradients(float* p, float* ds, std::int64_t count, std::int64_t written, float scale, float lse,
                           float delta) {
  const F16 zero = broadcast(0.0F);
  for (std::int64_t j = 0; j < count; j += kLanes) {
    F16 s = mul(load(p + j), broadcast(scale));
    if (count - j < kLanes) s = select(firstLanes(static_cast<int>(count - j)), s, broadcast(-__builtin_inff()));
    const F16 weight = exp(sub(s, broadcast(lse)));
    store(p + j, weight);
    store(ds + j, mul(mul(weight, sub(load(ds + j), broadcast(delta))), broadcast(scale)));
  }
  for (std::int64_t j = panelsOf(count) * kLanes; j < written; j += kLanes) {
    store(p + j, zero);
    store(ds + j, zero);
  }
}

// Scores, their gradients and dq of queries [q0, q0 + rows); `at` is q0's row in the score blocks.
inline void backwardQueries(const AttentionScratch& s, const AttentionChunk& t, float scale, std::int64_t q0,
                            std::int64_t rows, std::int64_t at, std::int64_t written) {
  float* p = s.scores + at * kChunk;
  float* ds = s.dscores + at * kChunk;
  const std::int64_t keys = t.keysOf(q0 + rows - 1);
  scoreProduct(p, s.q, s.keysT, t, q0, rows, keys);
  scoreProduct(ds, s.dout, s.valuesT, t, q0, rows, keys);
  for (std::int64_t i = 0; i < rows; i++) {
    scoreGradients(p + i * kChunk, ds + i * kChunk, t.keysOf(q0 + i), written, scale, s.maximum[q0 + i],
                   s.sum[q0 + i]);
  }
  weightedRows(s.out + q0 * t.padded, ds, s.values, t, q0, rows, t.begin == 0);
}

// c[j] += chain over queries [q0, q0 + count), ascending, of weights[i][j] panels[q0 + i].
inline void outerProduct(float* c, const float* weights, const float* panels, const AttentionChunk& t,
                         std::int64_t keys, std::int64_t q0, std::int64_t count) {
  attentionProduct<Steps::strided>(keys, t.panels,
                                   {.c = c, .cRow = t.padded, .cPanel = kLanes,
                                    .a = weights, .aRow = 1, .aStep = kChunk,
                                    .b = panels + q0 * kLanes, .bPanel = t.stride * kLanes,
                                    .steps = count, .fresh = false, .lanes = kLanes});
}

inline void backwardBlock(const AttentionScratch& s, const AttentionChunk& t, float scale, std::int64_t q0,
                          std::int64_t rows) {
  const std::int64_t keys = t.keysOf(q0 + rows - 1);
  const std::int64_t parts = (rows + kTileRows - 1) / kTileRows;
  for (std::int64_t part = 0; part < parts; part++) {
    const std::int64_t from = rows * part / parts;
    backwardQueries(s, t, scale, q0 + from, rows * (part + 1) / parts - from, from, panelsOf(keys) * kLanes);
  }
  outerProduct(s.dk, s.dscores, s.q, t, keys, q0, rows);
  outerProduct(s.dv, s.scores, s.dout, t, keys, q0, rows);
}

inline void addRow(float* to, const float* from, std::int64_t count) {
  for (std::int64_t d = 0; d < count; d += kLanes) {
    const int width = static_cast<int>(atMost(kLanes, count - d));
    storeFirst(to + d, add(loadFirst(to + d, width), load(from + d)), width);
  }
}

inline void addChunk(const AttentionMatrix& to, const float* from, const AttentionTask& task,
                     const AttentionChunk& t) {
  for (std::int64_t j = 0; j < t.count; j++) {
    addRow(to.data + t.slots[j] * to.stride + task.kvHead * t.headSize, from + j * t.padded, t.headSize);
  }
}

inline void zeroFloats(float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += kLanes) store(to + i, broadcast(0.0F));
}

template <class Key>
inline void backwardOf(const AttentionOperands& o, const AttentionTask& task, const AttentionScratch& s) {
  AttentionChunk t;
  t.start(task, task.tile.rows * task.shape.heads / task.shape.kvHeads);
  gatherQueries<sizeof(Key) == 2>(s.q, o.q, task, t);
  gatherQueries<false>(s.dout, o.dout, task, t);
  for (std::int64_t q = 0; q < t.queries; q++) {
    s.maximum[q] = *queryRow(o.lse, task, t.group, 1, q);
    s.sum[q] = attentionDelta(queryRow(o.dout, task, t.group, t.headSize, q),
                              queryRow(o.out, task, t.group, t.headSize, q), t.headSize);
  }
  while (t.next()) {
    gatherTransposed<Key>(s.keysT, o.k, task, t, 0);
    gatherTransposed<Key>(s.valuesT, o.v, task, t, 0);
    gatherRows<Key>(s.values, o.k, task, t, 0);
    zeroFloats(s.dk, t.count * t.padded);
    zeroFloats(s.dv, t.count * t.padded);
    for (std::int64_t q = t.firstQuery(); q < t.queries; q += AttentionScratch::kBlockQueries) {
      backwardBlock(s, t, task.shape.scale, q, atMost(AttentionScratch::kBlockQueries, t.queries - q));
    }
    addChunk(o.dk, s.dk, task, t);
    addChunk(o.dv, s.dv, task, t);
  }
  for (std::int64_t q = 0; q < t.queries; q++) {
    addRow(queryRow(o.dq, task, t.group, t.headSize, q), s.out + q * t.padded, t.headSize);
  }
}

inline void attentionBackward(const AttentionOperands& o, const AttentionTask& task, const AttentionScratch& s) {
  if (o.k.dtype == Dtype::bf16) {
    backwardOf<std::uint16_t>(o, task, s);
  } else {
    backwardOf<float>(o, task, s);
  }
}

}  // namespace agl::AGL_ISA
