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

// What a thread has of 64 columns of x: for each of four instructions and each eight of rows two pairs, eight columns apart.
// Absent numbers are zero. A warp's threads share 16 rows, further warps have those after them.
template <int kHalves>
struct Columns {
  float2 pairs[4][kHalves][2];

  // `thread`: of those that share the columns.
  template <class Shape>
  __device__ __forceinline__ void load(const float* x, const Shape& s, int thread, std::int64_t k) {
#pragma unroll
    for (int i = 0; i < 8 * kHalves; i++) {
      const std::int64_t row = thread / 32 * 16 + thread % 32 / 4 + 8 * (i / 2 % kHalves);
      const std::int64_t column = k + i / 2 / kHalves * 16 + i % 2 * 8 + thread % 4 * 2;
      const float* const at = x + row * s.xStride + column;
      float2 pair = make_float2(0.0F, 0.0F);
      if (row < s.rows && column + 1 < s.k) {
        pair = s.paired ? *reinterpret_cast<const float2*>(at) : make_float2(at[0], at[1]);
      } else if (row < s.rows && column < s.k) {
        pair.x = at[0];
      }
      pairs[i / 2 / kHalves][i / 2 % kHalves][i % 2] = pair;
    }
  }
  // Operand A of instruction i.
  __device__ __forceinline__ void operand(std::uint32_t (&a)[4], int i) const {
#pragma unroll
    for (int e = 0; e < 4; e++) {
      const float2 pair = pairs[i][e % kHalves][e / 2];
      a[e] = e % 2 < kHalves ? cuda::packBf16(pair.x, pair.y) : 0;
    }
  }
  __device__ __forceinline__ void operands(std::uint32_t (&a)[4][4]) const {
#pragma unroll
    for (int i = 0; i < 4; i++) operand(a[i], i);
  }
};

inline std::int64_t outputsOf(std::span<const LinearOutput> outputs) {
  std::int64_t all = 0;
  for (const LinearOutput& output : outputs) all += output.w.n;
  return all;
}

}  // namespace agl::few
