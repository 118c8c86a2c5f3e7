// The formulas of rope.h as plain loops over one head; the tests run them in double.
#pragma once

#include <cstdint>

namespace agl::reference {

// sign +1 forward, -1 backward.
template <class T>
void ropeRotate(T* x, const T* cos, const T* sin, std::int64_t headSize, T sign) {
  const std::int64_t half = headSize / 2;
  for (std::int64_t i = 0; i < half; i++) {
    const T a = x[i];
    const T b = x[i + half];
    x[i] = a * cos[i] - b * (sign * sin[i]);
    x[i + half] = b * cos[i] + a * (sign * sin[i]);
  }
}

}  // namespace agl::reference
