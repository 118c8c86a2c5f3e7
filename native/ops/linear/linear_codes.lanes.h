// Weights of one byte as the bf16 numbers they are (core/codes.h): on their way into a tile that reads them once, or block by block
// into memory that stays in L1 where many do. No float is subnormal on the way, so flushing changes nothing.
#pragma once

#include "core/lanes.h"
#include "core/view.h"

namespace agl::AGL_ISA {

constexpr std::int64_t kStepElements = Packed::kStep * kLanes;  // of one panel

#if defined(__AVX512F__)
constexpr int kCodes = 32;
inline __m512i bf16OfI8(const std::uint8_t* from) {
  const auto half = [&](int i) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 16 * i));
    const __m512 numbers = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(numbers), 16));
  };
  return _mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(1), 1);
}
inline __m512i bf16OfF8(const std::uint8_t* from) {
  // f 2^-9 for f < 8
  const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60));
  const __m512i codes = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  const __m512i magnitude = _mm512_and_si512(codes, _mm512_set1_epi16(0x7f));
  const __m512i sign = _mm512_slli_epi16(_mm512_srli_epi16(codes, 7), 15);
  const __m512i normal = _mm512_add_epi16(_mm512_slli_epi16(magnitude, 4), _mm512_set1_epi16(0x3c00));
  const __m512i bytes = _mm512_add_epi16(_mm512_mullo_epi16(magnitude, _mm512_set1_epi16(0x0202)), _mm512_set1_epi16(0x0100));
  const __mmask32 isSmall = _mm512_cmplt_epi16_mask(magnitude, _mm512_set1_epi16(8));
  return _mm512_or_si512(sign, _mm512_mask_blend_epi16(isSmall, normal, _mm512_shuffle_epi8(table, bytes)));
}
inline void storeCodes(std::uint16_t* to, __m512i numbers) { _mm512_storeu_si512(to, numbers); }
#elif defined(__AVX2__)
constexpr int kCodes = 16;
inline __m256i bf16OfI8(const std::uint8_t* from) {
  const auto half = [&](int i) {
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + 8 * i));
    const __m256 numbers = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
    return _mm256_srli_epi32(_mm256_castps_si256(numbers), 16);
  };
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(half(0), half(1)), 0xd8);
}
inline __m256i bf16OfF8(const std::uint8_t* from) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_setr_epi16(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60));
  const __m256i codes = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  const __m256i magnitude = _mm256_and_si256(codes, _mm256_set1_epi16(0x7f));
  const __m256i sign = _mm256_slli_epi16(_mm256_srli_epi16(codes, 7), 15);
  const __m256i normal = _mm256_add_epi16(_mm256_slli_epi16(magnitude, 4), _mm256_set1_epi16(0x3c00));
  const __m256i bytes = _mm256_add_epi16(_mm256_mullo_epi16(magnitude, _mm256_set1_epi16(0x0202)), _mm256_set1_epi16(0x0100));
  const __m256i isSmall = _mm256_cmpgt_epi16(_mm256_set1_epi16(8), magnitude);
  return _mm256_or_si256(sign, _mm256_blendv_epi8(normal, _mm256_shuffle_epi8(table, bytes), isSmall));
}
inline void storeCodes(std::uint16_t* to, __m256i numbers) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), numbers); }
#else
constexpr int kCodes = 1;
inline std::uint16_t upperHalf(float number) {
  return static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, number) >> 16);
}
inline std::uint16_t bf16OfI8(const std::uint8_t* from) {
  return upperHalf(static_cast<float>(static_cast<std::int8_t>(*from)));
}
inline std::uint16_t bf16OfF8(const std::uint8_t* from) {
  const std::uint32_t magnitude = *from & 0x7fU, sign = (*from & 0x80U) << 8;
  const std::uint32_t bits = magnitude < 8 ? upperHalf(static_cast<float>(magnitude) * 0x1p-9F) : (magnitude << 4) + 0x3c00U;
  return static_cast<std::uint16_t>(sign | bits);
}
inline void storeCodes(std::uint16_t* to, std::uint16_t number) { *to = number; }
#endif

// `count` codes, a multiple of 512; those behind them are fetched meanwhile.
inline void expandCodes(std::uint16_t* to, const std::uint8_t* from, Dtype dtype, std::int64_t count) {
  constexpr std::int64_t line = 64;
  for (std::int64_t begin = 0; begin < count; begin += line) {
    __builtin_prefetch(from + count + begin);
    if (dtype == Dtype::i8) {
#pragma GCC unroll 4
      for (std::int64_t i = begin; i < begin + line; i += kCodes) storeCodes(to + i, bf16OfI8(from + i));
    } else {
#pragma GCC unroll 4
      for (std::int64_t i = begin; i < begin + line; i += kCodes) storeCodes(to + i, bf16OfF8(from + i));
    }
  }
}

// How a tile reads 16 lanes of a pair of columns: the first numbers, the second ones.
struct Bf16Pairs {
  using Element = std::uint16_t;
  static F16 even(const Element* p) { return loadEven(p); }
  static F16 odd(const Element* p) { return loadOdd(p); }
};
// A code of f8 moved down by one bit under its sign is 2^-8 of its number in f16, whose subnormals no mode flushes.
constexpr short kHalfBits = static_cast<short>(0xbf80);
#if defined(__AVX512F__)
struct I8Pairs {
  using Element = std::uint8_t;
  static __m512i pairs(const Element* p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static F16 even(const Element* p) { return {_mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(pairs(p), 24), 24))}; }
  static F16 odd(const Element* p) { return {_mm512_cvtepi32_ps(_mm512_srai_epi32(pairs(p), 8))}; }
};
struct F8Pairs {
  using Element = std::uint8_t;
  static __m256i pairs(const Element* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static F16 upper(__m256i pairs) {
    const __m256i halves = _mm256_and_si256(_mm256_srai_epi16(pairs, 1), _mm256_set1_epi16(kHalfBits));
    return {_mm512_mul_ps(_mm512_cvtph_ps(halves), _mm512_set1_ps(256.0F))};
  }
  static F16 even(const Element* p) { return upper(_mm256_slli_epi16(pairs(p), 8)); }
  static F16 odd(const Element* p) { return upper(pairs(p)); }
};
#elif defined(__AVX2__)
struct I8Pairs {
  using Element = std::uint8_t;
  static __m256i pairs(const Element* p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static __m256 evenEight(const Element* p) { return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(pairs(p), 24), 24)); }
  static __m256 oddEight(const Element* p) { return _mm256_cvtepi32_ps(_mm256_srai_epi32(pairs(p), 8)); }
  static F16 even(const Element* p) { return {evenEight(p), evenEight(p + 16)}; }
  static F16 odd(const Element* p) { return {oddEight(p), oddEight(p + 16)}; }
};
struct F8Pairs {
  using Element = std::uint8_t;
  static __m256i pairs(const Element* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static F16 upper(__m256i pairs) {
    const __m256i halves = _mm256_and_si256(_mm256_srai_epi16(pairs, 1), _mm256_set1_epi16(kHalfBits));
    const __m256 scale = _mm256_set1_ps(256.0F);
    return {_mm256_mul_ps(_mm256_cvtph_ps(_mm256_castsi256_si128(halves)), scale),
            _mm256_mul_ps(_mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1)), scale)};
  }
  static F16 even(const Element* p) { return upper(_mm256_slli_epi16(pairs(p), 8)); }
  static F16 odd(const Element* p) { return upper(pairs(p)); }
};
#else
template <std::uint16_t (*bf16Of)(const std::uint8_t*)>
struct CodePairs {
  using Element = std::uint8_t;
  static F16 number(const Element* p, int second) {
    return eachLane([&](int i) { return __builtin_bit_cast(float, std::uint32_t{bf16Of(p + 2 * i + second)} << 16); });
  }
  static F16 even(const Element* p) { return number(p, 0); }
  static F16 odd(const Element* p) { return number(p, 1); }
};
using I8Pairs = CodePairs<bf16OfI8>;
using F8Pairs = CodePairs<bf16OfF8>;
#endif

// Steps of adjacent panels in bf16.
struct PanelSteps {
  const std::uint16_t* data;
  std::int64_t panel;  // from one to the next
};

// Steps [begin, end) of `panels` panels: where they lie, or expanded into room for them.
inline PanelSteps panelSteps(const Packed& w, std::int64_t panel, std::int64_t panels, std::int64_t begin,
                             std::int64_t end, std::uint16_t* expanded) {
  const std::int64_t elements = w.panelElements(), first = panel * elements + begin * kStepElements;
  if (w.dtype == Dtype::bf16) return {w.bf16() + first, elements};
  const std::int64_t count = (end - begin) * kStepElements;
  for (std::int64_t p = 0; p < panels; p++) expandCodes(expanded + p * count, w.codes() + first + p * elements, w.dtype, count);
  return {expanded, count};
}

}  // namespace agl::AGL_ISA
