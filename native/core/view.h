// A view is pointer, dtype, shape and row stride; it owns nothing. Matrices are row-major, vectors have one row.
#pragma once

#include <cstdint>

namespace agl {

// i8 and f8 are codes of weights (core/codes.h).
enum class Dtype : std::uint8_t { f32, f64, bf16, f16, i32, i8, f8 };

constexpr bool isCode(Dtype dtype) { return dtype == Dtype::i8 || dtype == Dtype::f8; }
constexpr std::int64_t dtypeBytes(Dtype dtype) {
  if (isCode(dtype)) return 1;
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
  // The first `width` columns.
  View narrow(std::int64_t width) const { return {data, dtype, rows, width, stride}; }
  // The same contiguous elements as (rows * cols / width) rows of `width`: heads of a row become rows.
  View reshape(std::int64_t width) const { return {data, dtype, rows * cols / width, width, width}; }
};

inline View matrix(float* data, std::int64_t rows, std::int64_t cols) {
  return {data, Dtype::f32, rows, cols, cols};
}

// Weights of a product W (N,K) in panels of 16 outputs; lanes beyond N and steps beyond K are zero. Every product, forward
// and backward, reads this one copy.
//   f32   [ceil(N/16)][K][16]
//   bf16  [ceil(N/16)][ceil(K/32)][16][16][2]   steps of 32 columns: pair, lane, and the two columns of the pair
//   i8, f8  codes in the order of bf16, then the f32 scale of each output, a whole panel of them: w[n,k] = scale[n] q[n,k]
struct Packed {
  void* data = nullptr;
  std::int64_t n = 0;
  std::int64_t k = 0;
  Dtype dtype = Dtype::f32;
  float* scales = nullptr;  // null unless the elements are codes

  static constexpr std::int64_t kLanes = 16;
  static constexpr std::int64_t kStep = 32;  // columns of a step in bf16 and codes
  float* f32() const { return static_cast<float*>(data); }
  std::uint16_t* bf16() const { return static_cast<std::uint16_t*>(data); }
  std::uint8_t* codes() const { return static_cast<std::uint8_t*>(data); }
  std::int64_t panels() const { return (n + kLanes - 1) / kLanes; }
  std::int64_t steps() const { return (k + kStep - 1) / kStep; }
  std::int64_t panelElements() const { return (dtype == Dtype::f32 ? k : steps() * kStep) * kLanes; }
  std::int64_t elements() const { return panels() * panelElements(); }
  std::int64_t bytes() const { return elements() * dtypeBytes(dtype) + (isCode(dtype) ? panels() * kLanes * 4 : 0); }
  // The same weights in `bytes()` bytes of memory.
  Packed placed(void* memory) const {
    void* const behind = static_cast<char*>(memory) + elements() * dtypeBytes(dtype);
    return {memory, n, k, dtype, isCode(dtype) ? static_cast<float*>(behind) : nullptr};
  }
  // Element (n, k).
  std::int64_t at(std::int64_t row, std::int64_t column) const {
    const std::int64_t panel = row / kLanes * panelElements(), lane = row % kLanes;
    if (dtype == Dtype::f32) return panel + column * kLanes + lane;
    return panel + column / 2 * 2 * kLanes + 2 * lane + column % 2;
  }
  // Output rows [begin, begin + count), begin a multiple of 16: a block of the vocabulary.
  Packed slice(std::int64_t begin, std::int64_t count) const {
    return {static_cast<char*>(data) + begin / kLanes * panelElements() * dtypeBytes(dtype), count, k, dtype,
            scales == nullptr ? nullptr : scales + begin};
  }
};

}  // namespace agl
