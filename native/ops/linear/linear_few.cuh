// Which of several weights a block multiplies, where one launch has all products of few rows.
#pragma once

#include <span>

#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"

namespace agl::few {

struct Target {
  float* y;
  const void* w;
  const float* scales;  // null unless w are codes
  std::int64_t outputs, yStride;
  std::int64_t firstBlock;
};

// By value to a kernel, as const __grid_constant__. Without padding: g++ 12 clears other bytes of an array beside it.
struct Targets {
  Target each[kFewOutputs];
  std::int64_t count;
  std::int64_t blocks;

  __device__ int ofBlock() const {
    int target = 0;
    while (target + 1 < count && blockIdx.x >= each[target + 1].firstBlock) target++;
    return target;
  }
};

// Blocks of `width` outputs, none of two weights.
inline Targets targetsOf(std::span<const LinearOutput> outputs, std::int64_t width) {
  Targets targets{};
  for (const auto& [y, w] : outputs) {
    targets.each[targets.count++] = {y.f32(), w.data, w.scales, w.n, y.stride, targets.blocks};
    targets.blocks += divideUp(w.n, width);
  }
  return targets;
}

inline std::int64_t outputsOf(std::span<const LinearOutput> outputs) {
  std::int64_t all = 0;
  for (const LinearOutput& output : outputs) all += output.w.n;
  return all;
}

}  // namespace agl::few
