// Kernels of linear.h over sixteen lanes: how each product is cut into register tiles and blocks.
#pragma once

#include "ops/linear/linear.h"
#include "ops/linear/linear_tile.lanes.h"

namespace agl::AGL_ISA {

// --- forward: lanes are outputs of one panel, tile rows are rows of x ---

// A piece of a panel (kStepBlock x 64 bytes) stays in L1 while all rows of a block pass it; a block of x (kRowBlock x
// kStepGroup) stays in L2 while all panels pass it.
constexpr std::int64_t kRowBlock = 126;
constexpr std::int64_t kStepGroup = 1024;
constexpr std::int64_t kStepBlock = 256 / kTilePanels;

struct ForwardData {
  float* y;
  std::int64_t yStride;
  const float* x;
  std::int64_t xStride;
  std::int64_t rows;
  Packed w;

  [[gnu::always_inline]] TileData tile(std::int64_t panel, int panels, std::int64_t k, std::int64_t steps) const {
    const std::int64_t end = (panel + panels) * kLanes;
    return {y + panel * kLanes, yStride, kLanes, x + k, xStride, 1, w.f32() + (panel * w.k + k) * kLanes,
            w.k * kLanes, steps, k == 0, end <= w.n ? kLanes : static_cast<int>(kLanes - (end - w.n))};
  }
};

// Few rows: several panels at once hide the latency of the chains, and each panel is read once from end to end.
template <int R, int P>
inline std::int64_t forwardFew(const ForwardData& f, std::int64_t panel, std::int64_t panelEnd) {
  for (; panel + P <= panelEnd; panel += P) runTile<Steps::contiguous, R, P>(f.tile(panel, P, 0, f.w.k));
  return panel;
}

template <int P>
inline void forwardPanels(const ForwardData& f, std::int64_t panel, std::int64_t kBegin, std::int64_t kEnd) {
  const std::int64_t block = f.rows <= kTileRows ? kEnd - kBegin : kStepBlock;
  for (std::int64_t k = kBegin; k < kEnd; k += block) {
    TileData d = f.tile(panel, P, k, smaller(block, kEnd - k));
    // Fetched meanwhile: the next block of this panel or the first of the next one; of a single tile, what comes soon.
    // N 4864, K 896 on one Zen 4 core, before and after: M 512 65 and 80 GFLOP/s, M 8 from memory 41 and 52.
    const std::int64_t next = k + block < kEnd ? block : kBegin + P * f.w.k - k;
    if (f.w.k > kStepBlock) d.ahead = (f.rows <= kTileRows ? kStepBlock : next) * kLanes;
    runTiles<Steps::contiguous, P>(f.rows, d);
  }
}

inline void linearForward(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, std::int64_t rows,
                          Packed w, std::int64_t panelBegin, std::int64_t panelEnd, float*) {
  for (std::int64_t row = 0; row < rows; row += kRowBlock) {
    const ForwardData f = {y + row * yStride, yStride, x + row * xStride, xStride, smaller(kRowBlock, rows - row), w};
    std::int64_t panel = panelBegin;
    if (f.rows == 1) panel = forwardFew<1, 4 * kTilePanels>(f, panel, panelEnd);
    if (f.rows == 2) panel = forwardFew<2, 3 * kTilePanels>(f, panel, panelEnd);
    if (f.rows == 3) panel = forwardFew<3, 2 * kTilePanels>(f, panel, panelEnd);
    const std::int64_t group = f.rows <= 2 * kTileRows ? w.k : kStepGroup;
    for (std::int64_t k = 0; k < w.k; k += group) {
      const std::int64_t kEnd = smaller(k + group, w.k);
      std::int64_t p = panel;
      for (; p + kTilePanels <= panelEnd; p += kTilePanels) forwardPanels<kTilePanels>(f, p, k, kEnd);
      for (; p < panelEnd; p++) forwardPanels<1>(f, p, k, kEnd);
    }
  }
}

// --- backwardInput: lanes are sixteen rows of dy, tile rows are columns of dx, steps are outputs n ---

// dy of up to sixteen rows and columns as dyT[n][row], absent rows zero.
inline void transposePart(float* out, std::int64_t outStride, const float* in, std::int64_t inStride, std::int64_t rows,
                          std::int64_t columns) {
  if (rows == kLanes && columns == kLanes) {
    transpose16(out, outStride, in, inStride);
    return;
  }
  for (std::int64_t c = 0; c < columns; c++) {
    for (std::int64_t r = 0; r < kLanes; r++) out[c * outStride + r] = r < rows ? in[r * inStride + c] : 0.0F;
  }
}

inline void addTransposed(float* dx, std::int64_t dxStride, const float* sums, std::int64_t rows, std::int64_t columns) {
  float block[kLanes * kLanes];
  for (std::int64_t k = 0; k < columns; k += kLanes) {
    const std::int64_t count = smaller(kLanes, columns - k);
    transposePart(block, kLanes, sums + k * kLanes, kLanes, count, kLanes);
    for (std::int64_t r = 0; r < rows; r++) {
      float* to = dx + r * dxStride + k;
      const float* from = block + r * kLanes;
      if (count == kLanes) {
        store(to, add(load(to), load(from)));
      } else {
        storeFirst(to, add(loadFirst(to, static_cast<int>(count)), load(from)), static_cast<int>(count));
      }
    }
  }
}

struct InputData {
  const float* dy;
  std::int64_t dyStride;
  std::int64_t rows;
  Packed w;
  float* sums;  // [row group][column][16]
  float* dyT;   // [row group of a tile][step][16]
};

// The chains of P groups of rows and columns [k, k + columns) over outputs [n, n + steps).
template <int P>
inline void inputGroups(const InputData& d, std::int64_t group, std::int64_t k, std::int64_t columns, std::int64_t n,
                        std::int64_t steps) {
  for (int p = 0; p < P; p++) {
    const std::int64_t row = (group + p) * kLanes;
    for (std::int64_t s = 0; s < steps; s += kLanes) {
      transposePart(d.dyT + (p * steps + s) * kLanes, kLanes, d.dy + row * d.dyStride + n + s, d.dyStride,
                    smaller(kLanes, d.rows - row), smaller(kLanes, steps - s));
    }
  }
  const std::int64_t groupFloats = LinearKernels::kColumnBlock * kLanes;
  const float* w = d.w.f32() + (n * d.w.k + k * kLanes);  // n is a multiple of 16: n / 16 panels of 16 k numbers
  runTiles<Steps::lanesOfPanels, P>(columns, {d.sums + group * groupFloats, kLanes, groupFloats, w, kLanes,
                                              d.w.k * kLanes, d.dyT, steps * kLanes, steps, n == 0, kLanes});
}

inline void linearBackwardInput(float* dx, std::int64_t dxStride, const float* dy, std::int64_t dyStride,
                                std::int64_t rows, Packed w, std::int64_t kBegin, std::int64_t kEnd, float* scratch) {
  constexpr std::int64_t rowBlock = LinearKernels::kRowBlock;
  constexpr std::int64_t columnBlock = LinearKernels::kColumnBlock;
  constexpr std::int64_t stepBlock = LinearKernels::kStepBlock;
  for (std::int64_t row = 0; row < rows; row += rowBlock) {
    const std::int64_t height = smaller(rowBlock, rows - row);
    const std::int64_t groups = (height + kLanes - 1) / kLanes;
    const InputData d = {dy + row * dyStride, dyStride, height, w, scratch, scratch + rowBlock * columnBlock};
    for (std::int64_t k = kBegin; k < kEnd; k += columnBlock) {
      const std::int64_t columns = smaller(columnBlock, kEnd - k);
      for (std::int64_t n = 0; n < w.n; n += stepBlock) {
        const std::int64_t steps = smaller(stepBlock, w.n - n);
        std::int64_t group = 0;
        for (; group + kTilePanels <= groups; group += kTilePanels) {
          inputGroups<kTilePanels>(d, group, k, columns, n, steps);
        }
        for (; group < groups; group++) inputGroups<1>(d, group, k, columns, n, steps);
      }
      for (std::int64_t group = 0; group < groups; group++) {
        const std::int64_t first = group * kLanes;
        addTransposed(dx + (row + first) * dxStride + k, dxStride, d.sums + first * columnBlock,
                      smaller(kLanes, height - first), columns);
      }
    }
  }
}

// --- backwardWeight: lanes are columns of dw, tile rows are outputs n, steps are rows of x ---

// A panel of x (kWeightSteps x 64 bytes) stays in L1 while all outputs of a block pass it; dy's block stays in L2.
constexpr std::int64_t kWeightSteps = 256 / kTilePanels;
constexpr std::int64_t kOutputBlock = 192;

struct WeightData {
  float* dw;
  std::int64_t dwStride;
  const float* dy;
  std::int64_t dyStride;
  const float* x;
  std::int64_t xStride;
  std::int64_t rows;
  std::int64_t outputs;
};

// Columns [k, k + 16 P), the last panel with `lanes` of them. x is copied so that its panel lies in consecutive lines.
template <int P>
inline void weightPanels(const WeightData& d, std::int64_t k, int lanes) {
  alignas(64) float panel[P * kWeightSteps * kLanes];
  for (std::int64_t row = 0; row < d.rows; row += kWeightSteps) {
    const std::int64_t steps = smaller(kWeightSteps, d.rows - row);
    for (int p = 0; p < P; p++) {
      const float* from = d.x + row * d.xStride + k + p * kLanes;
      float* to = panel + p * steps * kLanes;
      for (std::int64_t s = 0; s < steps; s++) {
        const float* line = from + s * d.xStride;
        store(to + s * kLanes, p == P - 1 && lanes < kLanes ? loadFirst(line, lanes) : load(line));
      }
    }
    runTiles<Steps::strided, P>(d.outputs, {d.dw + k, d.dwStride, kLanes, d.dy + row * d.dyStride, 1, d.dyStride, panel,
                                            steps * kLanes, steps, false, lanes});
  }
}

inline void linearBackwardWeight(float* dw, std::int64_t dwStride, const float* dy, std::int64_t dyStride,
                                 const float* x, std::int64_t xStride, std::int64_t rows, std::int64_t nBegin,
                                 std::int64_t nEnd, std::int64_t kBegin, std::int64_t kEnd) {
  constexpr std::int64_t width = kTilePanels * kLanes;
  for (std::int64_t n = nBegin; n < nEnd; n += kOutputBlock) {
    const WeightData d = {dw + n * dwStride, dwStride, dy + n, dyStride, x, xStride, rows, smaller(kOutputBlock, nEnd - n)};
    std::int64_t k = kBegin;
    for (; kTilePanels > 1 && k + width - kLanes < kEnd; k += width) {
      weightPanels<kTilePanels>(d, k, static_cast<int>(smaller(kLanes, kEnd - k - (width - kLanes))));
    }
    for (; k < kEnd; k += kLanes) weightPanels<1>(d, k, static_cast<int>(smaller(kLanes, kEnd - k)));
  }
}

constexpr LinearKernels kLinear = {linearForward, linearBackwardInput, linearBackwardWeight};

}  // namespace agl::AGL_ISA
