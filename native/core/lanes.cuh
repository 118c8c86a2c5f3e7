// The sixteen lanes of core/lanes.h over one warp, for sums along a row in the CPU's order. A lane's chain is folded by a
// thread below 16; the sixteen threads above read on for them, so that a load is of 128 bytes.
#pragma once

#include <cstdint>

#include "core/cuda.h"

namespace agl::cuda {

constexpr int kWarp = 32;
constexpr int kLanes = 16;
constexpr unsigned kWholeWarp = 0xffffffffU;

__device__ inline int threadOfWarp() { return static_cast<int>(threadIdx.x) % kWarp; }
// This warp's number in the grid.
__device__ inline std::int64_t warpOfGrid() {
  return (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp;
}

__device__ inline float fromUpperLane(float x) { return __shfl_down_sync(kWholeWarp, x, kLanes); }
__device__ inline float2 fromUpperLane(float2 x) { return make_float2(fromUpperLane(x.x), fromUpperLane(x.y)); }

// Folds load(c) for c in [0, count), ascending, into the chain of lane c mod 16; `absent` fills the last sixteen up.
template <class Chain, class T, class Load, class Fold>
__device__ inline Chain foldLanes(Chain chain, int count, T absent, Load load, Fold fold) {
  constexpr int ahead = 4;  // loads on their way at once
  for (int begin = 0; begin < count; begin += ahead * kWarp) {
    T values[ahead];
    for (int i = 0; i < ahead; i++) {
      const int c = begin + i * kWarp + threadOfWarp();
      values[i] = c < count ? load(c) : absent;
    }
    for (int i = 0; i < ahead; i++) {
      const T upper = fromUpperLane(values[i]);
      if (begin + i * kWarp < count) chain = fold(chain, values[i]);
      if (begin + i * kWarp + kLanes < count) chain = fold(chain, upper);
    }
  }
  return chain;
}

// The sixteen chains by one fixed tree, lanes 8 apart, then 4, 2, 1; the result in every thread.
template <class T, class Fold>
__device__ inline T joinLanes(T chain, Fold fold) {
  for (int width = kLanes / 2; width > 0; width /= 2) chain = fold(chain, __shfl_down_sync(kWholeWarp, chain, width));
  return __shfl_sync(kWholeWarp, chain, 0);
}
template <class T>
__device__ inline T sumLanes(T chain) {
  return joinLanes(chain, [](T a, T b) { return a + b; });
}

}  // namespace agl::cuda
