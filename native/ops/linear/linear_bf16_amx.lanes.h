// Kernels of linear.h for bf16 weights on tiles (tiles.lanes.h): how each product is cut into strips. The packed weights
// are read as they are: a step of a panel is a tile. Operands are rounded once a block into tiles of their own.
#pragma once

#include "ops/linear/linear.h"
#include "ops/linear/linear_bf16_amx_strip.lanes.h"
#include "ops/linear/linear_bf16_transpose.lanes.h"

namespace agl::AGL_ISA {

// Rows [0, rows) and columns [0, columns) in tiles [row tile][step][height][32]; zero beyond. First times their columns' scales, unless null.
inline void roundIntoTiles(std::uint16_t* to, int height, const float* from, std::int64_t fromStride, std::int64_t rows,
                           std::int64_t columns, const float* scales = nullptr) {
  const std::int64_t row = Packed::kStep, step = height * row, steps = (columns + row - 1) / row;
  for (std::int64_t r = 0; r < tilesOf(rows) * height; r++) {
    std::uint16_t* out = to + r / height * steps * step + r % height * row;
    for (std::int64_t c = 0; c < steps * row; c += kLanes) {
      const std::int64_t count = r < rows ? columns - c : 0;
      const float* numbers = from + r * fromStride + c;
      F16 operand = count >= kLanes ? load(numbers)
                    : count > 0     ? loadFirst(numbers, static_cast<int>(count))
                                    : broadcast(0.0F);
      if (scales != nullptr && count > 0) operand = mul(operand, load(scales + c));
      storeBf16(out + c / row * step + c % row, operand);
    }
  }
}

// Scratch, and how much of a product it holds at once.
struct TileScratch {
  std::uint16_t* operand;
  float* sums;
  std::uint16_t* transposed;  // two panels of W'; forward expands its weights there
  explicit TileScratch(float* scratch)
      : operand(reinterpret_cast<std::uint16_t*>(scratch)),
        sums(scratch + TileBlocks::kOperand / 2),
        transposed(reinterpret_cast<std::uint16_t*>(sums + TileBlocks::kRows * TileBlocks::kSums)) {}
};
inline int tileHeight(std::int64_t rows) { return static_cast<int>(smaller(rows, kTileHeight)); }
inline std::int64_t operandColumns(std::int64_t rows, int height) {
  return TileBlocks::kOperand / (tilesOf(rows) * height) / Packed::kStep * Packed::kStep;
}

// --- forward: rows of x by panels of W ---

struct TileForward {
  Tiles& tiles;
  TileScratch scratch;
  Packed w;
  float* y;
  std::int64_t yStride;
  std::int64_t rows;
  int height;
  std::int64_t step, steps;  // of the columns that the operand holds
  std::int64_t panelBegin, panelEnd;  // whose chains are open

  bool isWhole() const { return steps == w.steps(); }
};

// Panels from `panel` on, P at a time; returns the first that is left.
template <int P>
inline std::int64_t forwardStrips(const TileForward& f, std::int64_t panel) {
  const std::int64_t elements = f.w.panelElements();
  for (; panel + P <= f.panelEnd; panel += P) {
    const std::int64_t left = f.panelEnd - panel - P, over = (panel + P) * kLanes - f.w.n;
    const bool fetches = tilesOf(f.rows) > 2 && left > 0 && !isCode(f.w.dtype);
    float* sums = f.scratch.sums + (f.isWhole() ? 0 : panel - f.panelBegin) * tilesOf(f.rows) * kTileSums;
    WeightsAhead ahead;
    if (fetches) ahead = {f.w.bf16() + (panel + P) * elements + f.step * kTileHalves, kTileHalves, elements, smaller(P, left)};
    runStrip<P>(f.tiles, {f.scratch.operand, f.rows, f.height, f.w, panel, f.step, f.scratch.transposed, f.steps,
                          f.step == 0, sums, f.step + f.steps == f.w.steps() ? f.y + panel * kLanes : nullptr, f.yStride,
                          static_cast<int>(over > 0 ? kLanes - over : kLanes), ahead});
  }
  return panel;
}

inline void forwardPanels(const TileForward& f) {
  std::int64_t panel = f.panelBegin;
  if (f.rows <= kTileHeight) panel = forwardStrips<4>(f, panel);
  panel = forwardStrips<2>(f, panel);
  forwardStrips<1>(f, panel);
}

inline void tileLinearForward(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, std::int64_t rows,
                              Packed w, std::int64_t panelBegin, std::int64_t panelEnd, float* scratch) {
  if (rows <= 0 || panelBegin >= panelEnd) return;
  const int height = tileHeight(rows);
  Tiles tiles(height);
  const EvenParts blocks(rows, 2 * kTileHeight, TileBlocks::kRows);
  for (std::int64_t block = 0; block < blocks.count; block++) {
    const std::int64_t row = blocks.begin(block), count = blocks.end(block) - row;
    const EvenParts columns(w.k, Packed::kStep, operandColumns(count, height));
    const std::int64_t panels = panelEnd - panelBegin;
    const EvenParts open(panels, 1, columns.count == 1 ? panels : TileBlocks::kSums / kLanes);
    for (std::int64_t part = 0; part < open.count * columns.count; part++) {
      const std::int64_t chains = part / columns.count, k = columns.begin(part % columns.count);
      const std::int64_t width = columns.end(part % columns.count) - k;
      const TileForward f = {tiles, TileScratch(scratch), w, y + row * yStride, yStride, count, height,
                             k / Packed::kStep, (width + Packed::kStep - 1) / Packed::kStep,
                             panelBegin + open.begin(chains), panelBegin + open.end(chains)};
      roundIntoTiles(f.scratch.operand, height, x + row * xStride + k, xStride, count, width);
      forwardPanels(f);
    }
  }
}

// --- backwardInput: rows of dy by panels of W', two for each step of W; a step is 32 outputs ---

struct TileInput {
  Tiles& tiles;
  TileScratch scratch;
  Packed w;
  std::int64_t rows;
  int height;
  std::int64_t n, steps;  // of the outputs that the operand holds
};

// The sums of columns [k, k + 32) of dx over the outputs that the operand holds.
inline void inputStrip(const TileInput& d, float* sums, std::int64_t k, bool hasNext) {
  const std::int64_t panel = d.steps * kTileHalves, elements = d.w.panelElements();
  for (std::int64_t s = 0; s < d.steps; s++) {
    std::uint16_t* first = d.scratch.transposed + s * kTileHalves;
    transposeStep(first, first + panel, d.w, d.n + s * Packed::kStep, k);
  }
  WeightsAhead ahead;
  if (hasNext && tilesOf(d.rows) > 2 && !isCode(d.w.dtype)) {
    ahead = {d.w.bf16() + d.n / kLanes * elements + (k + Packed::kStep) * kLanes, 2 * elements, elements, 2};
  }
  const Packed turned = {d.scratch.transposed, 2 * kLanes, d.steps * Packed::kStep, Dtype::bf16};
  runStrip<2>(d.tiles, {d.scratch.operand, d.rows, d.height, turned, 0, 0, nullptr, d.steps, d.n == 0, sums, nullptr, 0, kLanes,
                        ahead});
}

inline void addStrip(float* dx, std::int64_t dxStride, const float* sums, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const float* sum = sums + (r / kTileHeight * 2 + c / kLanes) * kTileSums + r % kTileHeight * kLanes;
      const int lanes = static_cast<int>(smaller(kLanes, columns - c));
      float* to = dx + r * dxStride + c;
      storeFirst(to, add(loadFirst(to, lanes), load(sum)), lanes);
    }
  }
}

// Columns [kBegin, kEnd) of dx, whose chains are open at once.
inline void inputColumns(const TileInput& d, float* dx, std::int64_t dxStride, std::int64_t kBegin, std::int64_t kEnd) {
  const bool isFirst = d.n == 0, isLast = d.n + d.steps * Packed::kStep >= d.w.n;
  for (std::int64_t k = kBegin; k < kEnd; k += Packed::kStep) {
    const std::int64_t waiting = isFirst && isLast ? 0 : (k - kBegin) / kLanes;
    float* sums = d.scratch.sums + waiting * tilesOf(d.rows) * kTileSums;
    inputStrip(d, sums, k, k + Packed::kStep < kEnd);
    if (isLast) addStrip(dx + k, dxStride, sums, d.rows, smaller(Packed::kStep, kEnd - k));
  }
}

inline void tileLinearBackwardInput(float* dx, std::int64_t dxStride, const float* dy, std::int64_t dyStride,
                                    std::int64_t rows, Packed w, std::int64_t kBegin, std::int64_t kEnd,
                                    float* scratch) {
  if (rows <= 0 || kBegin >= kEnd) return;
  const int height = tileHeight(rows);
  Tiles tiles(height);
  const bool fits = w.panels() * kLanes * TileBlocks::kInputRows <= TileBlocks::kOperand;
  const EvenParts blocks(rows, 2 * kTileHeight, fits ? TileBlocks::kInputRows : TileBlocks::kRows);
  for (std::int64_t block = 0; block < blocks.count; block++) {
    const std::int64_t row = blocks.begin(block), count = blocks.end(block) - row;
    const std::int64_t most = smaller(operandColumns(count, height), TileBlocks::kColumns);
    const EvenParts outputs(w.n, Packed::kStep, most);
    const std::int64_t columns = kEnd - kBegin;
    const EvenParts open(columns, Packed::kStep, outputs.count == 1 ? columns + Packed::kStep : TileBlocks::kSums);
    for (std::int64_t part = 0; part < open.count * outputs.count; part++) {
      const std::int64_t chains = part / outputs.count, n = outputs.begin(part % outputs.count);
      const std::int64_t width = outputs.end(part % outputs.count) - n;
      const TileInput d = {tiles, TileScratch(scratch), w, count, height, n,
                           (width + Packed::kStep - 1) / Packed::kStep};
      roundIntoTiles(d.scratch.operand, height, dy + row * dyStride + n, dyStride, count, width,
                     w.scales == nullptr ? nullptr : w.scales + n);
      inputColumns(d, dx + row * dxStride, dxStride, kBegin + open.begin(chains), kBegin + open.end(chains));
    }
  }
}

constexpr LinearKernels kLinearTiles = {tileLinearForward, tileLinearBackwardInput, nullptr};

}  // namespace agl::AGL_ISA
