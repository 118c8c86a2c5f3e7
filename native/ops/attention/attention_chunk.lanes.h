// What both directions of attention share: the chunks of a task's keys, gathered from wherever they lie, and the
// products over them, which run on the register tile of linear.
#pragma once

#include "core/fault.h"
#include "core/lanes.h"
#include "ops/attention/attention_kernels.h"
#include "ops/linear/linear_tile.lanes.h"

namespace agl::AGL_ISA {

constexpr std::int64_t kChunk = Attention::kChunk;
constexpr std::int64_t kPanelFloats = kChunk * kLanes;  // one panel of 16 d-lanes for all keys of a chunk

constexpr std::int64_t atMost(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
constexpr std::int64_t panelsOf(std::int64_t count) { return (count + kLanes - 1) / kLanes; }

// One task's sizes, and its keys chunk by chunk.
struct AttentionChunk {
  std::int64_t headSize, padded, panels, group, queries, position, keys;
  std::int64_t stride;  // queries of the bundle, from one panel of theirs to the next
  const KeyRun* run;
  std::int64_t usedOfRun;
  std::int64_t begin;  // first position of the chunk
  std::int64_t count;  // its keys up to the last query's position
  std::int32_t slots[kChunk];

  void start(const AttentionTask& task, std::int64_t bundleQueries) {
    headSize = task.shape.headSize;
    padded = panelsOf(headSize) * kLanes;
    panels = panelsOf(headSize);
    group = task.shape.heads / task.shape.kvHeads;
    queries = task.tile.rows * group;
    position = task.tile.position;
    keys = position + task.tile.rows;
    stride = bundleQueries;
    run = task.runs + task.tile.firstRun;
    usedOfRun = begin = count = 0;
  }

  // False after the last chunk.
  bool next() {
    begin += count;
    const bool halved = isPlanted("WRONG_CHUNK") && queries == group;
    count = atMost(halved ? kChunk / 2 : kChunk, keys - begin);
    for (std::int64_t j = 0; j < count; j++) {
      while (usedOfRun == run->count) {
        run++;
        usedOfRun = 0;
      }
      slots[j] = static_cast<std::int32_t>(run->slot + usedOfRun++);
    }
    return count > 0;
  }
  // How many of the first keys are those of the other chunk, in whole panels; all where none is left.
  std::int64_t keysAlsoIn(const AttentionChunk& other) const {
    std::int64_t same = 0;
    while (same < atMost(count, other.count) && slots[same] == other.slots[same]) same++;
    return same == count ? count : same / kLanes * kLanes;
  }
  // The first query that has keys in this chunk, and how many query q has.
  std::int64_t firstQuery() const { return begin > position ? (begin - position) * group : 0; }
  std::int64_t keysOf(std::int64_t q) const { return atMost(count, position + q / group + 1 - begin); }
};

// Query q of a task lies at row `row + q / group`, column (kvHead group + q % group) width of a matrix of heads.
inline float* queryRow(const AttentionMatrix& m, const AttentionTask& task, std::int64_t group, std::int64_t width,
                       std::int64_t q) {
  return m.data + (task.tile.row + q / group) * m.stride + (task.kvHead * group + q % group) * width;
}

// The first `count` numbers of a row of keys, widened; the others 0.
inline F16 loadKeys(const float* p, int count) { return loadFirst(p, count); }
inline F16 loadKeys(const std::uint16_t* p, int count) {
  if (count >= kLanes) return loadBf16(p);
  std::uint16_t numbers[kLanes] = {};
  for (int i = 0; i < count; i++) numbers[i] = p[i];
  return loadBf16(numbers);
}

// The row of slot 0 for this task's kv head; the next slot lies `stride` numbers further.
template <class Key>
inline const Key* keyRows(const KeyMatrix& from, const AttentionTask& task) {
  return static_cast<const Key*>(from.data) + task.kvHead * task.shape.headSize;
}

// A task's queries as panels of sixteen d-lanes: [P / 16][queries][16].
template <bool rounded>
inline void gatherQueries(float* to, const AttentionMatrix& from, const AttentionTask& task,
                          const AttentionChunk& t) {
  for (std::int64_t q = 0; q < t.queries; q++) {
    const float* row = queryRow(from, task, t.group, t.headSize, q);
    for (std::int64_t d = 0; d < t.headSize; d += kLanes) {
      const F16 numbers = loadFirst(row + d, static_cast<int>(atMost(kLanes, t.headSize - d)));
      store(to + d * t.stride + q * kLanes, rounded ? roundToBf16(numbers) : numbers);
    }
  }
}

// Rows of the chunk's keys from `first` on as panels of sixteen d-lanes: [P / 16][128][16].
template <class Key>
inline void gatherRows(float* to, const KeyMatrix& from, const AttentionTask& task, const AttentionChunk& t,
                       std::int64_t first) {
  const Key* base = keyRows<Key>(from, task);
  for (std::int64_t j = first; j < t.count; j++) {
    const Key* row = base + t.slots[j] * from.stride;
    for (std::int64_t d = 0; d < t.headSize; d += kLanes) {
      store(to + d * kChunk + j * kLanes, loadKeys(row + d, static_cast<int>(atMost(kLanes, t.headSize - d))));
    }
  }
}

// Rows of the chunk's keys from `first` on as panels of sixteen keys: [128 / 16][D][16]. Lanes without a key are 0.
template <class Key>
inline void gatherTransposed(float* to, const KeyMatrix& from, const AttentionTask& task, const AttentionChunk& t,
                             std::int64_t first) {
  const Key* base = keyRows<Key>(from, task);
  alignas(64) float rows[kLanes * kLanes];
  alignas(64) float columns[kLanes * kLanes];
  for (std::int64_t j = first; j < t.count; j += kLanes) {
    const std::int64_t valid = atMost(kLanes, t.count - j);
    bool consecutive = valid == kLanes;
    for (std::int64_t i = 1; i < valid; i++) consecutive = consecutive && t.slots[j + i] == t.slots[j] + i;
    for (std::int64_t d = 0; d < t.headSize; d += kLanes) {
      float* panel = to + (j / kLanes * t.headSize + d) * kLanes;
      const int width = static_cast<int>(atMost(kLanes, t.headSize - d));
      if constexpr (sizeof(Key) == sizeof(float)) {
        if (consecutive && width == kLanes) {
          transpose16(panel, kLanes, base + t.slots[j] * from.stride + d, from.stride);
          continue;
        }
      }
      for (std::int64_t i = 0; i < kLanes; i++) {
        store(rows + i * kLanes, i < valid ? loadKeys(base + t.slots[j + i] * from.stride + d, width) : broadcast(0.0F));
      }
      transpose16(columns, kLanes, rows, kLanes);
      for (int i = 0; i < width; i++) store(panel + i * kLanes, load(columns + i * kLanes));
    }
  }
}

// --- products ---

template <Steps kind, int R, int P>
inline std::int64_t wideTiles(TileData& d, std::int64_t panels) {
  for (; panels >= P; panels -= P) {
    runTile<kind, R, P>(d);
    d.c += P * d.cPanel;
    d.b += P * d.bPanel;
  }
  return panels;
}

// `rows` x `panels` of a product; few rows take several panels at once, which hides the latency of the chains.
template <Steps kind>
inline void attentionProduct(std::int64_t rows, std::int64_t panels, TileData d) {
  if (rows == 1) panels = wideTiles<kind, 1, 4 * kTilePanels>(d, panels);
  if (rows == 2) panels = wideTiles<kind, 2, 2 * kTilePanels>(d, panels);
  for (; panels >= kTilePanels; panels -= kTilePanels) {
    runTiles<kind, kTilePanels>(rows, d);
    d.c += kTilePanels * d.cPanel;
    d.b += kTilePanels * d.bPanel;
  }
  if constexpr (kTilePanels > 1) {
    for (; panels > 0; panels--) {
      runTiles<kind, 1>(rows, d);
      d.c += d.cPanel;
      d.b += d.bPanel;
    }
  }
}

// s[i][j] = a[q0 + i] . column j of the transposed chunk, for `rows` queries and `keys` keys; whole panels are written.
inline void scoreProduct(float* scores, const float* a, const float* transposed, const AttentionChunk& t,
                         std::int64_t q0, std::int64_t rows, std::int64_t keys) {
  attentionProduct<Steps::lanesOfPanels>(rows, panelsOf(keys),
                                         {.c = scores, .cRow = kChunk, .cPanel = kLanes,
                                          .a = a + q0 * kLanes, .aRow = kLanes, .aStep = t.stride * kLanes,
                                          .b = transposed, .bPanel = t.headSize * kLanes,
                                          .steps = t.headSize, .fresh = true, .lanes = kLanes});
}

// c[i] = chain over query q0 + i's own keys of fma(weights[i][j], row j, c[i]), from +0 when fresh.
inline void weightedRows(float* c, const float* weights, const float* gathered, const AttentionChunk& t,
                         std::int64_t q0, std::int64_t rows, bool fresh) {
  const std::int64_t shared = t.keysOf(q0);
  TileData d = {.c = c, .cRow = t.padded, .cPanel = kLanes,
                .a = weights, .aRow = kChunk, .aStep = 1,
                .b = gathered, .bPanel = kPanelFloats,
                .steps = shared, .fresh = fresh, .lanes = kLanes};
  attentionProduct<Steps::contiguous>(rows, t.panels, d);
  d.b += shared * kLanes;
  d.fresh = false;
  for (std::int64_t i = 0; i < rows; i++) {
    d.steps = t.keysOf(q0 + i) - shared;
    if (d.steps == 0) continue;
    d.c = c + i * t.padded;
    d.a = weights + i * kChunk + shared;
    attentionProduct<Steps::contiguous>(1, t.panels, d);
  }
}

}  // namespace agl::AGL_ISA
