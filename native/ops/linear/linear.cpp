#include "ops/linear/linear.h"

#include <algorithm>

#include "core/fault.h"
#include "ops/kernels.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

constexpr std::int64_t kLanes = Packed::kLanes;

// How a product's outputs are cut into rectangles, one for each thread.
struct Division {
  std::int64_t rows;     // parts of the rows
  std::int64_t columns;  // parts of the panels
};

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

Range part(std::int64_t items, std::int64_t parts, std::int64_t index) {
  return {items * index / parts, items * (index + 1) / parts};
}

// The smallest largest part; among equals the one whose part reads least. A row unit reads as much as `rowSize` outputs.
Division divide(std::int64_t threads, std::int64_t rowUnits, std::int64_t rowSize, std::int64_t panels) {
  Division best = {1, 1};
  std::int64_t bestCost = rowUnits * panels;
  std::int64_t bestRead = rowUnits * rowSize + panels * kLanes;
  for (std::int64_t rows = 1; rows <= std::min(threads, rowUnits); rows++) {
    const std::int64_t columns = std::min(threads / rows, panels);
    const std::int64_t height = (rowUnits + rows - 1) / rows;
    const std::int64_t width = (panels + columns - 1) / columns;
    const std::int64_t cost = height * width;
    const std::int64_t read = height * rowSize + width * kLanes;
    if (cost < bestCost || (cost == bestCost && read < bestRead)) {
      best = {rows, columns};
      bestCost = cost;
      bestRead = read;
    }
  }
  return best;
}

// Calls run(worker, rows, panels) for each rectangle.
template <class Run>
void overRectangles(Context& ctx, Division division, std::int64_t rowUnits, std::int64_t panels, Run run) {
  ctx.pool.run(division.rows * division.columns, 1, [&](int worker, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i++) {
      run(worker, part(rowUnits, division.rows, i / division.columns),
          part(panels, division.columns, i % division.columns));
    }
  });
}

float* scratchOf(Context& ctx, int worker, const Packed& w) {
  return static_cast<float*>(ctx.pool.scratch(worker, linearScratchBytes(w.dtype, w.n)));
}

// Outputs of codes are sums of codes until here.
void scaleOutputs(View y, const Packed& w, Range panels) {
  if (w.scales == nullptr) return;
  if (isPlanted("FORGOTTEN_SCALE") && y.rows <= 2 && panels.end > 1) panels.end--;  // where tokens are decoded
  for (std::int64_t r = 0; r < y.rows; r++) {
    float* const row = y.f32(r);
    for (std::int64_t n = panels.begin * kLanes; n < std::min(panels.end * kLanes, w.n); n++) row[n] *= w.scales[n];
  }
}

// A planted fault: a large batch sums each half of K by itself, as a kernel tuned for throughput alone would.
void sumHalves(View y, View x, Packed w) {
  for (std::int64_t r = 0; r < x.rows; r++) {
    for (std::int64_t n = 0; n < w.n; n++) {
      float half[2] = {0, 0};
      for (std::int64_t k = 0; k < w.k; k++) {
        float& sum = half[2 * k / w.k];
        sum = __builtin_fmaf(x.f32(r)[k], w.f32()[w.at(n, k)], sum);
      }
      y.f32(r)[n] = half[0] + half[1];
    }
  }
}

// Threads divide the panels of all weights, one after another, as if they were one matrix.
void forwardEach(Context& ctx, View x, std::span<const LinearOutput> outputs) {
  std::int64_t weights = 0, panels = 0;
  for (const auto& [y, w] : outputs) weights += w.n * w.k, panels += w.panels();
  const std::int64_t threads = threadsFor(ctx, 2 * x.rows * weights, weights);
  const bool isBf16 = outputs[0].w.dtype != Dtype::f32;
  const LinearKernels& kernels = isBf16 ? ctx.kernels.linearBf16 : ctx.kernels.linear;
  // In bf16 rows stay together that may share a tile, and have twice the bytes of a weight.
  const std::int64_t unit = isBf16 ? kLanes : 1, units = (x.rows + unit - 1) / unit;
  overRectangles(ctx, divide(threads, units, isBf16 ? 2 * unit : unit, panels), units, panels,
                 [&](int worker, Range rows, Range part) {
                   const std::int64_t row = rows.begin * unit, count = std::min(rows.end * unit, x.rows) - row;
                   for (const auto& [y, w] : outputs) {
                     const Range own = {std::max<std::int64_t>(part.begin, 0), std::min(part.end, w.panels())};
                     part = {part.begin - w.panels(), part.end - w.panels()};
                     if (own.begin >= own.end) continue;
                     kernels.forward(y.f32(row), y.stride, x.f32(row), x.stride, count, w, own.begin, own.end,
                                     scratchOf(ctx, worker, w));
                     scaleOutputs(y.slice(row, count), w, own);
                   }
                 });
  for (const auto& [y, w] : outputs) {
    if (isPlanted("BATCH_SPLIT") && x.rows > 8 && w.dtype == Dtype::f32) sumHalves(y, x, w);
  }
}

void forward(Context& ctx, View y, View x, Packed w) {
  const LinearOutput output{y, w};
  forwardEach(ctx, x, {&output, 1});
}

void backwardInput(Context& ctx, View dx, View dy, Packed w) {
  const std::int64_t threads = threadsFor(ctx, 2 * dy.rows * w.n * w.k, w.n * w.k);
  const std::int64_t groups = (dy.rows + kLanes - 1) / kLanes;
  const bool isBf16 = w.dtype != Dtype::f32;
  const LinearKernels& kernels = isBf16 ? ctx.kernels.linearBf16 : ctx.kernels.linear;
  const std::int64_t width = isBf16 ? Packed::kStep : kLanes;
  const std::int64_t columns = (w.k + width - 1) / width;
  overRectangles(ctx, divide(threads, groups, isBf16 ? 2 * kLanes : kLanes, columns), groups, columns,
                 [&](int worker, Range rows, Range units) {
                   const std::int64_t row = rows.begin * kLanes;
                   kernels.backwardInput(dx.f32(row), dx.stride, dy.f32(row), dy.stride,
                                         std::min(rows.end * kLanes, dy.rows) - row, w, units.begin * width,
                                         std::min(units.end * width, w.k), scratchOf(ctx, worker, w));
                 });
}

void backwardWeight(Context& ctx, View dw, View dy, View x) {
  const std::int64_t threads = threadsFor(ctx, 2 * x.rows * dw.rows * dw.cols, dw.rows * dw.cols);
  const std::int64_t columns = (dw.cols + kLanes - 1) / kLanes;
  overRectangles(ctx, divide(threads, dw.rows, 1, columns), dw.rows, columns, [&](int, Range outputs, Range panels) {
    ctx.kernels.linear.backwardWeight(dw.f32(), dw.stride, dy.f32(), dy.stride, x.f32(), x.stride, x.rows,
                                      outputs.begin, outputs.end, panels.begin * kLanes,
                                      std::min(panels.end * kLanes, dw.cols));
  });
}

}  // namespace

// None gets less than about 25 us of work, at 50 GFLOP/s and 10 GB/s.
std::int64_t threadsFor(const Context& ctx, std::int64_t flops, std::int64_t weights) {
  const std::int64_t worth = flops / 1'250'000 + weights / 62'500;
  return std::clamp<std::int64_t>(worth, 1, ctx.pool.threads());
}

std::size_t linearScratchBytes(Dtype dtype, std::int64_t n) {
  if (dtype != Dtype::f32) {
    return static_cast<std::size_t>(std::max(Bf16Blocks::kScratchFloats, TileBlocks::kScratchFloats)) * sizeof(float);
  }
  const std::int64_t steps = std::min((n + kLanes - 1) / kLanes * kLanes, LinearKernels::kStepBlock);
  const std::int64_t floats = LinearKernels::kRowBlock * (LinearKernels::kColumnBlock + steps);
  return static_cast<std::size_t>(floats) * sizeof(float);
}

std::size_t linearCudaScratchBytes(Dtype dtype, std::int64_t rows, std::int64_t n, std::int64_t k) {
  const std::size_t weight = weightScratchBytes(rows, n, k);
  if (dtype == Dtype::f32) return weight;
  return std::max(weight, expandedBytes(dtype, n, k) + std::max(bf16ScratchBytes(rows, n, k), bf16ScratchBytes(rows, k, n)));
}

const Linear kCpuLinear = {packWeights, unpackWeights, forward, forwardEach, backwardInput, backwardWeight};

}  // namespace agl
