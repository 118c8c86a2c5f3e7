// A view is pointer, dtype, shape and row stride; it owns nothing. Matrices are row-major, vectors have one row.
#pragma once

#include <cstdint>

namespace agl {

enum class Dtype : std::uint8_t { f32, f64, bf16, f16, i32 };

constexpr std::int64_t dtypeBytes(Dtype dtype) {
  return dtype == Dtype::f64 ? 8 : dtype == Dtype::bf16 || dtype == Dtype::f16 ? 2 : 4;
}

struct View {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  // elements from one row to the next

  float* f32(std::int64_t row = 0) const { return static_cast<float*>(data) + row * stride; }
  std::int32_t* i32(std::int64_t row = 0) const { return static_cast<std::int32_t*>(data) + row * stride; }
  // Rows [begin, begin + count) of the same matrix.
  View slice(std::int64_t begin, std::int64_t count) const {
    return {static_cast<char*>(data) + begin * stride * dtypeBytes(dtype), dtype, count, cols, stride};
  }
  // The same contiguous elements as (rows * cols / width) rows of `width`: heads of a row become rows.
  View reshape(std::int64_t width) const { return {data, dtype, rows * cols / width, width, width}; }
};

inline View matrix(float* data, std::int64_t rows, std::int64_t cols) {
  return {data, Dtype::f32, rows, cols, cols};
}

// Weights of a product W (N,K) stored [ceil(N/16)][K][16]: panel p holds output rows 16p..16p+15 as lanes; lanes
// beyond N are zero. Every product, forward and backward, reads this one copy.
struct Packed {
  float* data = nullptr;
  std::int64_t n = 0;
  std::int64_t k = 0;

  static constexpr std::int64_t kLanes = 16;
  std::int64_t panels() const { return (n + kLanes - 1) / kLanes; }
  std::int64_t elements() const { return panels() * k * kLanes; }
  // Output rows [begin, begin + count), begin a multiple of 16: a block of the vocabulary.
  Packed slice(std::int64_t begin, std::int64_t count) const { return {data + begin * k, count, k}; }
};

}  // namespace agl
