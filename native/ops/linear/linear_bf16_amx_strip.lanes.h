// A strip of a product in bf16 on tiles: all rows of a block by one to four panels of weights. Two by two tiles of sums
// take two tiles of the operand and two of weights a step, so that loads from L1 keep up with the products; blocks of
// steps leave the weights in L1 while the rows pass them. Sums wait in memory between blocks, which rounds nothing.
#pragma once

#include "core/lanes.h"
#include "core/view.h"
#include "ops/linear/linear_codes.lanes.h"
#include "ops/linear/linear_tile.lanes.h"
#include "ops/linear/tiles.lanes.h"

namespace agl::AGL_ISA {

constexpr std::int64_t kTileHalves = Packed::kStep * kTileHeight;  // of a full tile: a step of a panel is one
constexpr std::int64_t kTileSums = kLanes * kTileHeight;
constexpr std::int64_t kStripSteps = 14;  // steps of two panels that stay in L1: 28 KB

inline std::int64_t tilesOf(std::int64_t rows) { return (rows + kTileHeight - 1) / kTileHeight; }

// `items` in as few parts as possible of at most `most`, all of nearly the same number of `unit`s.
struct EvenParts {
  std::int64_t items, unit, units, count;
  EvenParts(std::int64_t all, std::int64_t size, std::int64_t most)
      : items(all), unit(size), units((all + size - 1) / size), count((units + most / size - 1) / (most / size)) {}
  std::int64_t begin(std::int64_t part) const { return units * part / count * unit; }
  std::int64_t end(std::int64_t part) const { return smaller(items, begin(part + 1)); }
};

// Weights to fetch into L2 while a strip runs: those of the next one, as many steps.
struct WeightsAhead {
  const std::uint16_t* data = nullptr;
  std::int64_t step = 0, panel = 0;  // from one to the next
  std::int64_t panels = 0;
};

struct TileStrip {
  const std::uint16_t* a;  // rounded rows [row tile][steps][height][32]
  std::int64_t rows;
  int height;              // rows of a tile: 16, or all where they are fewer
  Packed w;
  std::int64_t panel, step;  // from which on
  std::uint16_t* expanded;   // room for kStripSteps steps of its panels; null where they are in bf16
  std::int64_t steps;
  bool fresh;   // chains begin at +0, not with `sums`
  float* sums;  // [row tile][panel][height][16], a full tile apart
  float* y;     // where finished sums go, or null: they stay in `sums`
  std::int64_t yStride;
  int lanes;  // of y in the last panel
  WeightsAhead ahead;
};

template <int M, int P>
[[gnu::always_inline]] inline void tileStep(Tiles& tiles, const std::uint16_t* a, std::int64_t aTile,
                                            const std::uint16_t* b, std::int64_t bPanel) {
  tiles.load<4>(a);
  tiles.load<6>(b);
  tiles.product<0, 4, 6>();
  if constexpr (P > 1) {
    tiles.load<7>(b + bPanel);
    tiles.product<1, 4, 7>();
  }
  if constexpr (P > 2) {
    tiles.load<6>(b + 2 * bPanel);
    tiles.product<2, 4, 6>();
    tiles.load<7>(b + 3 * bPanel);
    tiles.product<3, 4, 7>();
  }
  if constexpr (M > 1) {
    tiles.load<5>(a + aTile);
    tiles.product<P, 5, 6>();
    if constexpr (P > 1) tiles.product<P + 1, 5, 7>();
  }
}

template <int M, int P, int I = 0>
[[gnu::always_inline]] inline void beginSums(Tiles& tiles, const float* sums) {
  if constexpr (I < M * P) {
    if (sums == nullptr) {
      tiles.zero<I>();
    } else {
      tiles.load<I>(sums + I * kTileSums);
    }
    beginSums<M, P, I + 1>(tiles, sums);
  }
}

template <int M, int P, int I = 0>
[[gnu::always_inline]] inline void keepSums(Tiles& tiles, float* sums) {
  if constexpr (I < M * P) {
    tiles.store<I>(sums + I * kTileSums, kTileBytes);
    keepSums<M, P, I + 1>(tiles, sums);
  }
}

// Whole tiles go to y as they are; of one that overhangs, what lies within, by way of `sums`.
template <int M, int P, int I = 0>
[[gnu::always_inline]] inline void finishSums(Tiles& tiles, const TileStrip& s, std::int64_t tile, float* sums) {
  if constexpr (I < M * P) {
    const std::int64_t row = (tile + I / P) * kTileHeight;
    const int lanes = I % P == P - 1 ? s.lanes : kLanes;
    float* y = s.y + row * s.yStride + I % P * kLanes;
    if (lanes == kLanes && row + s.height <= s.rows) {
      tiles.store<I>(y, s.yStride * static_cast<std::int64_t>(sizeof(float)));
    } else {
      tiles.store<I>(sums + I * kTileSums, kTileBytes);
      for (std::int64_t r = 0; r < smaller(s.height, s.rows - row); r++) {
        storeFirst(y + r * s.yStride, load(sums + I * kTileSums + r * kLanes), lanes);
      }
    }
    finishSums<M, P, I + 1>(tiles, s, tile, sums);
  }
}

// Steps [begin, end) of M row tiles from `tile`, beside them their share of the weights ahead. b: of these steps.
template <int M, int P>
void runTileRows(Tiles& tiles, const TileStrip& strip, PanelSteps b, std::int64_t tile, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kLine = 32, kLines = kTileHalves / kLine;  // halves of a cache line; lines of a step
  const TileStrip s = strip;          // stores cannot change a copy
  const std::int64_t step = s.height * Packed::kStep;
  const std::uint16_t* a = s.a + tile * s.steps * step;
  float* sums = s.sums + tile * P * kTileSums;
  const std::int64_t lines = s.ahead.panels * kLines, pairs = (tilesOf(s.rows) + 1) / 2;
  const auto firstLine = static_cast<std::uint64_t>(lines * (tile / 2) / pairs);
  const auto lastLine = static_cast<std::uint64_t>(lines * (tile / 2 + 1) / pairs);
  beginSums<M, P>(tiles, s.fresh && begin == 0 ? nullptr : sums);
  for (std::int64_t i = begin; i < end; i++) {
    const std::uint16_t* ahead = s.ahead.data + i * s.ahead.step;
    for (std::uint64_t line = firstLine; line < lastLine; line++) {
      const auto panel = static_cast<std::int64_t>(line / kLines), within = static_cast<std::int64_t>(line % kLines);
      __builtin_prefetch(ahead + panel * s.ahead.panel + within * kLine, 0, 2);
    }
    tileStep<M, P>(tiles, a + i * step, s.steps * step, b.data + (i - begin) * kTileHalves, b.panel);
  }
  if (s.y == nullptr || end < s.steps) {
    keepSums<M, P>(tiles, sums);
  } else {
    finishSums<M, P>(tiles, s, tile, sums);
  }
}

template <int P>
inline void runStrip(Tiles& tiles, const TileStrip& s) {
  const std::int64_t count = tilesOf(s.rows);
  const EvenParts steps(s.steps, 1, count > 2 || isCode(s.w.dtype) ? kStripSteps : s.steps);
  for (std::int64_t part = 0; part < steps.count; part++) {
    const std::int64_t begin = steps.begin(part), end = steps.end(part);
    const PanelSteps b = panelSteps(s.w, s.panel, P, s.step + begin, s.step + end, s.expanded);
    for (std::int64_t tile = 0; tile < count; tile += 2) {
      if constexpr (P <= 2) {
        if (tile + 1 < count) {
          runTileRows<2, P>(tiles, s, b, tile, begin, end);
          continue;
        }
      }
      runTileRows<1, P>(tiles, s, b, tile, begin, end);
    }
  }
}

}  // namespace agl::AGL_ISA
