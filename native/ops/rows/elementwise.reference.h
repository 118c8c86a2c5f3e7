// The reference of elementwise.h: plain loops, any scalar type.
#pragma once

#include <cstdint>

namespace agl::reference {

template <class T>
void add(T* y, const T* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i++) y[i] = y[i] + x[i];
}

template <class T>
void addScaled(T* y, const T* x, T s, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i++) {
    const T product = s * x[i];
    y[i] = y[i] + product;
  }
}

template <class T>
void addBias(T* y, const T* b, std::int64_t rows, std::int64_t n) {
  for (std::int64_t r = 0; r < rows; r++) add(y + r * n, b, n);
}

template <class T>
void sumRows(T* db, const T* dy, std::int64_t rows, std::int64_t n) {
  for (std::int64_t r = 0; r < rows; r++) add(db, dy + r * n, n);
}

}  // namespace agl::reference
