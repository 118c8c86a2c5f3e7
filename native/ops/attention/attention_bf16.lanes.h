// Attention over sixteen lanes, forward over keys and values in bf16 (attention.h): both products run on the tile of
// linear in bf16, over panels gathered in its packing.
#pragma once

#include "ops/attention/attention_softmax.lanes.h"
#include "ops/linear/linear_bf16_tile.lanes.h"

namespace agl::AGL_ISA {

constexpr std::int64_t kBf16ChunkSteps = kChunk / kBf16Step;
constexpr std::int64_t kBf16BlockQueries = 4 * kBf16BothRows;
static_assert(kBf16BlockQueries <= AttentionScratch::kBlockQueries);

constexpr std::int64_t bf16StepsOf(std::int64_t count) { return (count + kBf16Step - 1) / kBf16Step; }

// Panels of sixteen keys from `first` on, a step is 32 d: pairs of d are moved as one 32-bit number.
inline void gatherBf16Keys(std::uint16_t* to, const KeyMatrix& from, const AttentionTask& task,
                           const AttentionChunk& t, std::int64_t first) {
  const std::uint16_t* base = keyRows<std::uint16_t>(from, task);
  const std::int64_t steps = bf16StepsOf(t.headSize);
  alignas(64) float rows[kLanes * kLanes];
  alignas(64) float pairs[kLanes * kLanes];
  for (std::int64_t j = first; j < t.count; j += kLanes) {
    for (std::int64_t s = 0; s < steps; s++) {
      const std::int64_t width = atMost(kBf16Step, t.headSize - s * kBf16Step);
      __builtin_memset(rows, 0, sizeof(rows));
      for (std::int64_t i = 0; i < atMost(kLanes, t.count - j); i++) {
        __builtin_memcpy(rows + i * kLanes, base + t.slots[j + i] * from.stride + s * kBf16Step,
                         static_cast<std::size_t>(width) * sizeof(std::uint16_t));
      }
      transpose16(pairs, kLanes, rows, kLanes);
      __builtin_memcpy(to + (j / kLanes * steps + s) * kBf16StepElements, pairs, sizeof(pairs));
    }
  }
}

// Panels of sixteen d, a step is 32 keys; zero where there is no key or no d, or numbers of keys before. From key `first`
// on; false when one of these is not finite.
inline bool gatherBf16Values(std::uint16_t* to, const KeyMatrix& from, const AttentionTask& task,
                             const AttentionChunk& t, std::int64_t first) {
  const std::uint16_t* base = keyRows<std::uint16_t>(from, task);
  unsigned notFinite = 0;
  for (std::int64_t j = first; j < bf16StepsOf(t.count) * kBf16Step; j += 2) {
    std::uint16_t rows[2][kLanes];
    for (std::int64_t panel = 0; panel < t.panels; panel++) {
      const std::int64_t width = atMost(kLanes, t.headSize - panel * kLanes);
      for (std::int64_t half = 0; half < 2; half++) {
        const bool present = j + half < t.count;
        const std::uint16_t* row = present ? base + t.slots[j + half] * from.stride + panel * kLanes : base;
        for (std::int64_t i = 0; i < kLanes; i++) {
          rows[half][i] = present && i < width ? row[i] : std::uint16_t{0};
          notFinite |= (rows[half][i] & 0x7f80U) == 0x7f80U;
        }
      }
      std::uint16_t* pair = to + panel * kBf16ChunkSteps * kBf16StepElements + j * kLanes;
      for (std::int64_t i = 0; i < kLanes; i++) {
        pair[2 * i] = rows[0][i];
        pair[2 * i + 1] = rows[1][i];
      }
    }
  }
  return notFinite == 0;
}

// c (rows x panels of sixteen) = a times panels of `steps` steps, bPanel apart.
inline void bf16AttentionProduct(std::int64_t rows, std::int64_t panels, Bf16TileData d) {
  if (rows == 1) {
    constexpr int wide = 3 * kBf16TilePanels;
    for (; panels >= wide; panels -= wide) {
      runBf16Tile<1, wide>(d);
      d.c += wide * d.cPanel;
      d.b += wide * d.bPanel;
    }
  }
  for (; panels >= kBf16TilePanels; panels -= kBf16TilePanels) {
    runBf16Tiles<kBf16TilePanels>(rows, d);
    d.c += kBf16TilePanels * d.cPanel;
    d.b += kBf16TilePanels * d.bPanel;
  }
  for (; panels > 0; panels--) {
    runBf16Tiles<1>(rows, d);
    d.c += d.cPanel;
    d.b += d.bPanel;
  }
}

// Values that are not finite must not meet the zero weights of queries before them: each query has steps of its own,
// whose numbers at and beyond `keys` are zero.
inline void maskedValues(std::uint16_t* to, const std::uint16_t* values, std::int64_t panels, std::int64_t keys) {
  constexpr std::int64_t panelElements = kBf16ChunkSteps * kBf16StepElements;
  for (std::int64_t i = 0; i < panels * panelElements; i++) {
    const std::int64_t key = i % panelElements / (2 * kLanes) * 2 + i % 2;
    to[i] = key < keys ? values[i] : std::uint16_t{0};
  }
}

struct Bf16Chunk {
  const AttentionScratch& s;
  const AttentionChunk& t;
  std::uint16_t* keys;
  std::uint16_t* values;
  std::uint16_t* masked;
  bool finite;
};

inline void bf16WeightedValues(const Bf16Chunk& c, float* out, std::int64_t q0, std::int64_t rows) {
  const AttentionChunk& t = c.t;
  Bf16TileData d = {out, t.padded, kLanes, c.s.scores, kChunk, c.values, kBf16ChunkSteps * kBf16StepElements,
                    bf16StepsOf(t.keysOf(q0 + rows - 1)), true, kLanes};
  if (c.finite) return bf16AttentionProduct(rows, t.panels, d);
  for (std::int64_t i = 0; i < rows; i++) {
    maskedValues(c.masked, c.values, t.panels, t.keysOf(q0 + i));
    d.c = out + i * t.padded;
    d.a = c.s.scores + i * kChunk;
    d.b = c.masked;
    bf16AttentionProduct(1, t.panels, d);
  }
}

inline void bf16ForwardBlock(const Bf16Chunk& c, float scale, std::int64_t q0, std::int64_t rows) {
  const AttentionChunk& t = c.t;
  const std::int64_t steps = bf16StepsOf(t.headSize);
  const std::int64_t keys = t.keysOf(q0 + rows - 1);
  const std::int64_t written = bf16StepsOf(keys) * kBf16Step;
  float maximum[kBf16BlockQueries];
  float sum[kBf16BlockQueries];
  bf16AttentionProduct(rows, panelsOf(keys),
                       {c.s.scores, kChunk, kLanes, c.s.q + q0 * steps * kBf16Step, steps * kBf16Step, c.keys,
                        steps * kBf16StepElements, steps, true, kLanes});
  for (std::int64_t i = 0; i < rows; i++) {
    float* scores = c.s.scores + i * kChunk;
    const std::int64_t own = t.keysOf(q0 + i);
    softmaxChunk<true>(scores, own, scale, maximum[i], sum[i]);
    for (std::int64_t j = panelsOf(own) * kLanes; j < written; j += kLanes) store(scores + j, broadcast(0.0F));
  }
  bf16WeightedValues(c, t.begin == 0 ? c.s.out + q0 * t.padded : c.s.partial, q0, rows);
  takePartials(c.s, t, q0, rows, maximum, sum);
}

inline void bf16AttentionForward(const AttentionOperands& o, const AttentionBundle& bundle, const AttentionScratch& s) {
  const FlushSubnormals flush;
  const std::int64_t headSize = bundle.tasks->shape.headSize;
  const std::int64_t width = bf16StepsOf(headSize) * kBf16Step;
  auto* keys = reinterpret_cast<std::uint16_t*>(s.keysT);
  auto* values = reinterpret_cast<std::uint16_t*>(s.values);
  auto* masked = values + panelsOf(headSize) * kBf16ChunkSteps * kBf16StepElements;
  bool finite = true;
  overBundle(
      o, bundle, s, width,
      [&](const AttentionTask& task, const AttentionChunk& t, const AttentionScratch& own) {
        for (std::int64_t q = 0; q < t.queries; q++) {
          roundRows(own.q + q * width, width, queryRow(o.q, task, t.group, t.headSize, q), 0, 1, t.headSize);
        }
      },
      [&](const AttentionTask& task, const AttentionChunk& t, std::int64_t first) {
        gatherBf16Keys(keys, o.k, task, t, first);
        finite = gatherBf16Values(values, o.v, task, t, first) && (finite || first == 0);
      },
      [&](const AttentionTask& task, const AttentionChunk& t, const AttentionScratch& own) {
        const Bf16Chunk chunk = {own, t, keys, values, masked, finite};
        for (std::int64_t q = t.firstQuery(); q < t.queries; q += kBf16BlockQueries) {
          bf16ForwardBlock(chunk, task.shape.scale, q, atMost(kBf16BlockQueries, t.queries - q));
        }
      });
}

}  // namespace agl::AGL_ISA
