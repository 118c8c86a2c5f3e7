// Kernels of linear.h for bf16 weights over sixteen lanes: how each product is cut into blocks of its scratch.
#pragma once

#include "ops/linear/linear.h"
#include "ops/linear/linear_bf16_tile.lanes.h"
#include "ops/linear/linear_bf16_transpose.lanes.h"
#include "ops/linear/linear_codes.lanes.h"

namespace agl::AGL_ISA {

// --- forward: lanes are outputs of one panel, tile rows are rows of x ---

struct Bf16Forward {
  float* y;
  std::int64_t yStride;
  const float* x;  // rounded columns [step * 32, ...)
  std::int64_t xStride;
  std::int64_t rows;
  Packed w;
  std::int64_t step;
  std::uint16_t* expanded;  // kBf16StepBlock steps of kBf16TilePanels panels

  // All steps of the operand, the weights as they are.
  [[gnu::always_inline]] Bf16TileData tile(std::int64_t panel, int panels, std::int64_t steps) const {
    const std::int64_t last = (panel + panels) * kLanes, elements = w.panelElements();
    const std::int64_t first = panel * elements + step * kBf16StepElements;
    Bf16TileData d = {y + panel * kLanes, yStride, kLanes, x, xStride, nullptr, elements, steps,
                      step == 0, last <= w.n ? kLanes : static_cast<int>(kLanes - (last - w.n))};
    if (isCode(w.dtype)) {
      d.codes = w.codes() + first;
    } else {
      d.b = w.bf16() + first;
    }
    return d;
  }
  // Steps [begin, end) of them, the weights in bf16.
  [[gnu::always_inline]] Bf16TileData tileOfBf16(std::int64_t panel, int panels, std::int64_t begin, std::int64_t end) const {
    Bf16TileData d = tile(panel, panels, end - begin);
    const PanelSteps b = panelSteps(w, panel, panels, step + begin, step + end, expanded);
    d.a += begin * kBf16Step;
    d.b = b.data;
    d.bPanel = b.panel;
    d.fresh = step + begin == 0;
    return d;
  }
};

// Steps of a panel that stay in L1 while the rows pass them.
constexpr std::int64_t kBf16StepBlock = 16 / kBf16TilePanels;
constexpr std::int64_t kBf16Ahead = 8 * kBf16StepElements;

template <int P>
inline void bf16Panels(const Bf16Forward& f, std::int64_t panel, std::int64_t steps) {
  if (f.rows <= kBf16TileRows) {
    Bf16TileData d = f.tile(panel, P, steps);
    d.ahead = kBf16Ahead;
    return runBf16TileOf<P>(f.rows, f.w.dtype, d);
  }
  for (std::int64_t s = 0; s < steps; s += kBf16StepBlock) {
    Bf16TileData d = f.tileOfBf16(panel, P, s, smaller(s + kBf16StepBlock, steps));
    d.ahead = kBf16Ahead;
    runBf16Tiles<P>(f.rows, d);
  }
}

// Columns of the operand that are rounded at once: the scratch divided by the rows.
inline std::int64_t bf16GroupOf(std::int64_t rows) {
  constexpr std::int64_t fewRows = 8;
  return rows <= fewRows ? Bf16Blocks::kRows * Bf16Blocks::kColumns / fewRows : Bf16Blocks::kColumns;
}

inline void bf16LinearForward(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, std::int64_t rows,
                              Packed w, std::int64_t panelBegin, std::int64_t panelEnd, float* scratch) {
  const FlushSubnormals flush;
  auto* expanded = reinterpret_cast<std::uint16_t*>(scratch + Bf16Blocks::kRows * Bf16Blocks::kColumns);
  for (std::int64_t row = 0; row < rows; row += Bf16Blocks::kRows) {
    const std::int64_t height = smaller(Bf16Blocks::kRows, rows - row);
    const std::int64_t group = bf16GroupOf(height);
    for (std::int64_t k = 0; k < w.k; k += group) {
      const std::int64_t columns = smaller(group, w.k - k);
      const std::int64_t steps = (columns + kBf16Step - 1) / kBf16Step;
      const Bf16Forward f = {y + row * yStride, yStride, scratch, steps * kBf16Step, height, w, k / kBf16Step, expanded};
      roundRows(scratch, f.xStride, x + row * xStride + k, xStride, height, columns);
      std::int64_t panel = panelBegin;
      for (; panel + kBf16TilePanels <= panelEnd; panel += kBf16TilePanels) bf16Panels<kBf16TilePanels>(f, panel, steps);
      for (; panel < panelEnd; panel++) bf16Panels<1>(f, panel, steps);
    }
  }
}

// --- backwardInput: the same tiles over W' in panels of 16 columns of dx; a step is 32 outputs ---

struct Bf16Input {
  float* sums;  // [row][Bf16Blocks::kSums]
  const float* dy;  // rounded outputs [n, n + steps * 32)
  std::int64_t dyStride;
  std::int64_t rows;
  Packed w;
  std::uint16_t* transposed;  // two panels of W'
};

// The sums of columns [k, k + 32), which lie at `column` of the block, over outputs [n, n + 32 steps).
inline void bf16InputColumns(const Bf16Input& d, std::int64_t column, std::int64_t k, std::int64_t n,
                             std::int64_t steps) {
  const std::int64_t panel = steps * kBf16StepElements;
  for (std::int64_t s = 0; s < steps; s++) {
    std::uint16_t* first = d.transposed + s * kBf16StepElements;
    transposeStep(first, first + panel, d.w, n + s * kBf16Step, k);
  }
  for (int p = 0; p < 2; p += kBf16TilePanels) {
    runBf16Tiles<kBf16TilePanels>(d.rows, {d.sums + column + p * kLanes, Bf16Blocks::kSums, kLanes, d.dy, d.dyStride,
                                           d.transposed + p * panel, panel, steps, n == 0, kLanes});
  }
}

inline void addRows(float* dx, std::int64_t dxStride, const float* sums, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      const int lanes = static_cast<int>(smaller(kLanes, columns - c));
      float* to = dx + r * dxStride + c;
      storeFirst(to, add(loadFirst(to, lanes), load(sums + r * Bf16Blocks::kSums + c)), lanes);
    }
  }
}

inline void bf16LinearBackwardInput(float* dx, std::int64_t dxStride, const float* dy, std::int64_t dyStride,
                                    std::int64_t rows, Packed w, std::int64_t kBegin, std::int64_t kEnd,
                                    float* scratch) {
  float* sums = scratch + Bf16Blocks::kRows * Bf16Blocks::kColumns;
  auto* transposed = reinterpret_cast<std::uint16_t*>(sums + Bf16Blocks::kRows * Bf16Blocks::kSums);
  for (std::int64_t row = 0; row < rows; row += Bf16Blocks::kRows) {
    const std::int64_t height = smaller(Bf16Blocks::kRows, rows - row);
    for (std::int64_t k = kBegin; k < kEnd; k += Bf16Blocks::kSums) {
      const std::int64_t columns = smaller(Bf16Blocks::kSums, kEnd - k);
      for (std::int64_t n = 0; n < w.n; n += Bf16Blocks::kColumns) {
        const std::int64_t outputs = smaller(Bf16Blocks::kColumns, w.n - n);
        const std::int64_t steps = (outputs + kBf16Step - 1) / kBf16Step;
        roundRows(scratch, steps * kBf16Step, dy + row * dyStride + n, dyStride, height, outputs,
                  w.scales == nullptr ? nullptr : w.scales + n);
        const Bf16Input d = {sums, scratch, steps * kBf16Step, height, w, transposed};
        const FlushSubnormals flush;  // for the sums; their addition to dx keeps subnormals
        for (std::int64_t c = 0; c < columns; c += kBf16Step) bf16InputColumns(d, c, k + c, n, steps);
      }
      addRows(dx + row * dxStride + k, dxStride, sums, height, columns);
    }
  }
}

constexpr LinearKernels kLinearBf16 = {bf16LinearForward, bf16LinearBackwardInput, nullptr};

}  // namespace agl::AGL_ISA
