// The eight tile registers of AMX and the instruction TDPBF16PS (Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2), or the same in software where the compiler is not told of AMX: the tests run the products over
// those. Numbers 0 to 5 hold sums (16 floats a row) or rows of an operand (32 bf16 a row), 6 and 7 a step of a panel of
// weights (16 rows of 16 pairs). The registers belong to the thread; nobody else may use them while a Tiles lives.
#pragma once

#include <cstdint>

#ifndef AGL_ISA
#error "AGL_ISA names the instruction set's namespace"
#endif

namespace agl::AGL_ISA {

constexpr int kTileHeight = 16;
constexpr std::int64_t kTileBytes = 64;  // of a row
constexpr int kWeightTiles = 6;          // the first of them

#if defined(__AMX_BF16__)

class Tiles {
 public:
  // Tiles of sums and operands have `rows` rows, 1 to 16.
  explicit Tiles(int rows) {
    struct alignas(64) Configuration {
      std::uint8_t palette = 1, startRow = 0, reserved[14] = {};
      std::uint16_t rowBytes[16] = {};
      std::uint8_t rows[16] = {};
    } configuration;
    for (int tile = 0; tile < 8; tile++) {
      configuration.rowBytes[tile] = kTileBytes;
      configuration.rows[tile] = static_cast<std::uint8_t>(tile < kWeightTiles ? rows : kTileHeight);
    }
    asm volatile("ldtilecfg %0" : : "m"(configuration));
  }
  ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  template <int T>
  void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  // Not the compiler's intrinsic: that of g++ 12 does not say that memory is read, and stores before it may sink below.
  template <int T>
  void load(const void* from, std::int64_t stride = kTileBytes) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(T), "r"(from), "r"(stride) : "memory");
  }
  template <int T>
  void store(float* to, std::int64_t stride) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(T), "r"(to), "r"(stride) : "memory");
  }
  template <int Sum, int Operand, int Weights>
  void product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sum), "i"(Operand), "i"(Weights));
  }
};

#else

inline float tileFlushed(float value) {
  return __builtin_fabsf(value) < __FLT_MIN__ ? __builtin_copysignf(0.0F, value) : value;
}
// Subnormal is what would be with any exponent allowed: 2^64 is out of the way of that.
inline float tileFma(float a, float b, float c) {
  const float scaled = __builtin_fmaf(a * 0x1p64F, b, c * 0x1p64F);
  return __builtin_fabsf(scaled) < 0x1p-62F ? __builtin_copysignf(0.0F, scaled) : __builtin_fmaf(a, b, c);
}
inline float tileNumber(std::uint32_t upperBits) { return tileFlushed(__builtin_bit_cast(float, upperBits)); }

class Tiles {
 public:
  explicit Tiles(int rows) : rows_(rows) { __builtin_memset(words_, 0xff, sizeof words_); }  // NaN
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  template <int T>
  void zero() {
    __builtin_memset(words_[T], 0, sizeof words_[T]);
  }
  template <int T>
  void load(const void* from, std::int64_t stride = kTileBytes) {
    const int rows = T < kWeightTiles ? rows_ : kTileHeight;
    for (int r = 0; r < rows; r++) __builtin_memcpy(words_[T][r], static_cast<const char*>(from) + r * stride, kTileBytes);
  }
  template <int T>
  void store(float* to, std::int64_t stride) {
    for (int r = 0; r < rows_; r++) __builtin_memcpy(reinterpret_cast<char*>(to) + r * stride, words_[T][r], kTileBytes);
  }
  template <int Sum, int Operand, int Weights>
  void product() {
    for (int r = 0; r < rows_; r++) productRow(words_[Sum][r], words_[Operand][r], words_[Weights]);
  }

 private:
  using Row = std::uint32_t[kTileHeight];

  static void productRow(Row& sums, const Row& operand, const Row (&weights)[kTileHeight]) {
    float even[kTileHeight] = {}, odd[kTileHeight] = {};
    for (int pair = 0; pair < kTileHeight; pair++) {
      const float a = tileNumber(operand[pair] << 16), b = tileNumber(operand[pair] & 0xffff0000U);
      for (int lane = 0; lane < kTileHeight; lane++) {
        const std::uint32_t w = weights[pair][lane];
        even[lane] = tileFma(a, tileNumber(w << 16), even[lane]);
        odd[lane] = tileFma(b, tileNumber(w & 0xffff0000U), odd[lane]);
      }
    }
    for (int lane = 0; lane < kTileHeight; lane++) {
      const float sum = tileNumber(sums[lane]) + tileFlushed(even[lane] + odd[lane]);
      sums[lane] = __builtin_bit_cast(std::uint32_t, tileFlushed(sum));
    }
  }

  int rows_;
  Row words_[8][kTileHeight];
};

#endif

}  // namespace agl::AGL_ISA
