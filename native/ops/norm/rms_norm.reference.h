// The formulas of rms_norm.h as plain loops over one row; the tests run them in double.
#pragma once

#include <cmath>
#include <cstdint>

namespace agl::reference {

template <class T>
T rmsNormForward(T* y, const T* x, const T* w, std::int64_t c, T eps) {
  T squares = 0;
  for (std::int64_t i = 0; i < c; i++) squares += x[i] * x[i];
  const T rstd = 1 / std::sqrt(squares / static_cast<T>(c) + eps);
  for (std::int64_t i = 0; i < c; i++) y[i] = w[i] * (x[i] * rstd);
  return rstd;
}

// dw may be null.
template <class T>
void rmsNormBackward(T* dx, T* dw, const T* dy, const T* x, const T* w, T rstd, std::int64_t c) {
  T products = 0;
  for (std::int64_t i = 0; i < c; i++) products += w[i] * dy[i] * x[i];
  for (std::int64_t i = 0; i < c; i++) {
    dx[i] += rstd * (w[i] * dy[i] - x[i] * rstd * rstd * products / static_cast<T>(c));
    if (dw != nullptr) dw[i] += dy[i] * x[i] * rstd;
  }
}

}  // namespace agl::reference
