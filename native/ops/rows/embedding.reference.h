// The reference of embedding.h: plain loops, any scalar type.
#pragma once

#include <cstdint>

namespace agl::reference {

// x (R,C), e (V,C).
template <class T>
void embeddingForward(T* x, const T* e, const std::int32_t* tokens, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t i = 0; i < c; i++) x[r * c + i] = e[tokens[r] * c + i];
  }
}

template <class T>
void embeddingBackward(T* de, const T* dx, const std::int32_t* tokens, std::int64_t rows, std::int64_t c) {
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t i = 0; i < c; i++) de[tokens[r] * c + i] = de[tokens[r] * c + i] + dx[r * c + i];
  }
}

}  // namespace agl::reference
