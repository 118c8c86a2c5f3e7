// Rotation over sixteen pairs at a time.
#pragma once

#include "core/lanes.h"
#include "ops/rope/rope.h"

namespace agl::AGL_ISA {

inline void ropeRotate(float* x, const float* cos, const float* sin, std::int64_t heads, std::int64_t headSize,
                       float sign) {
  const std::int64_t half = headSize / 2;
  const F16 direction = broadcast(sign);
  for (std::int64_t i = 0; i < half; i += kLanes) {
    const int count = static_cast<int>(half - i < kLanes ? half - i : kLanes);
    const F16 c = loadFirst(cos + i, count);
    const F16 s = mul(loadFirst(sin + i, count), direction);
    for (std::int64_t head = 0; head < heads; head++) {
      float* first = x + head * headSize + i;
      float* second = first + half;
      const F16 a = loadFirst(first, count);
      const F16 b = loadFirst(second, count);
      storeFirst(first, sub(mul(a, c), mul(b, s)), count);
      storeFirst(second, add(mul(b, c), mul(a, s)), count);
    }
  }
}

constexpr RopeKernels kRope = {ropeRotate};

}  // namespace agl::AGL_ISA
