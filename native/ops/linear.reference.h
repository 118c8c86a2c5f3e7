// The reference of linear.h: plain loops over row-major weights, in the chains' order. In float it gives the kernels'
// bits, in double it is differentiated numerically.
#pragma once

#include <cmath>
#include <cstdint>

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

}  // namespace agl::reference
