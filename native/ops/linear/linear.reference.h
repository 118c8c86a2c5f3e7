// The reference of linear.h: plain loops over row-major weights, in the sums' order. In float it gives the kernels'
// bits, in double it is differentiated numerically.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/half.h"

namespace agl::reference {

// y (R,N), x (R,K), w (N,K), each contiguous.
template <class T>
void linearForward(T* y, const T* x, const T* w, std::int64_t rows, std::int64_t n, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t i = 0; i < n; i++) {
      T acc = 0;
      for (std::int64_t j = 0; j < k; j++) acc = std::fma(x[r * k + j], w[i * k + j], acc);
      y[r * n + i] = acc;
    }
  }
}

template <class T>
void linearBackwardInput(T* dx, const T* dy, const T* w, std::int64_t rows, std::int64_t n, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t j = 0; j < k; j++) {
      T acc = 0;
      for (std::int64_t i = 0; i < n; i++) acc = std::fma(dy[r * n + i], w[i * k + j], acc);
      dx[r * k + j] = dx[r * k + j] + acc;
    }
  }
}

template <class T>
void linearBackwardWeight(T* dw, const T* dy, const T* x, std::int64_t rows, std::int64_t n, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t i = 0; i < n; i++) {
      for (std::int64_t j = 0; j < k; j++) dw[i * k + j] = std::fma(dy[r * n + i], x[r * k + j], dw[i * k + j]);
    }
  }
}

// --- bf16: the instruction TDPBF16PS, one element of its tiles, in software ---

inline float flushed(float value) {
  return std::abs(value) < std::numeric_limits<float>::min() ? std::copysign(0.0F, value) : value;
}

// x w + acc, rounded once. It is subnormal when it would be with any exponent allowed: 2^64 is out of the way of that.
inline float flushedFma(float x, float w, float acc) {
  const float scaled = std::fma(x * 0x1p64F, w, acc * 0x1p64F);
  return std::abs(scaled) < 0x1p-62F ? std::copysign(0.0F, scaled) : std::fma(x, w, acc);
}

// acc + the products of two rows of `count` bf16 numbers, whose elements lie `aStep` and `bStep` apart.
inline float bf16Sum(const std::uint16_t* a, std::int64_t aStep, const std::uint16_t* b, std::int64_t bStep,
                     std::int64_t count) {
  float acc = 0;
  for (std::int64_t begin = 0; begin < count; begin += 32) {
    float half[2] = {0, 0};
    for (std::int64_t j = begin; j < begin + 32; j++) {
      const float x = j < count ? flushed(bf16ToF32(a[j * aStep])) : 0.0F;
      const float w = j < count ? flushed(bf16ToF32(b[j * bStep])) : 0.0F;
      half[j % 2] = flushedFma(x, w, half[j % 2]);
    }
    acc = flushed(acc + flushed(half[0] + half[1]));
  }
  return acc;
}

// y (R,N); x (R,K) and w (N,K) already rounded.
inline void bf16LinearForward(float* y, const std::uint16_t* x, const std::uint16_t* w, std::int64_t rows,
                              std::int64_t n, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t i = 0; i < n; i++) y[r * n + i] = bf16Sum(x + r * k, 1, w + i * k, 1, k);
  }
}

inline void bf16LinearBackwardInput(float* dx, const std::uint16_t* dy, const std::uint16_t* w, std::int64_t rows,
                                    std::int64_t n, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t j = 0; j < k; j++) dx[r * k + j] += bf16Sum(dy + r * n, 1, w + j, k, n);
  }
}

}  // namespace agl::reference
