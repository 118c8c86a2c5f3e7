// Sixteen float lanes: the one vector of every CPU kernel. The same source is compiled once per instruction set with
// AGL_ISA naming it, so nothing inline is shared between object files and every set gives the same bits: each operation
// here is one correctly rounded IEEE operation per lane.
// Included by the per-ISA files only (*.scalar.cpp, *.avx2.cpp, *.avx512.cpp, *.amx.cpp and the *.lanes.h they
// compile).
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef AGL_ISA
#error "AGL_ISA names the instruction set's namespace"
#endif

namespace agl::AGL_ISA {

constexpr int kLanes = 16;

#if defined(__AVX512F__)

struct F16 {
  __m512 v;
};
struct Mask16 {
  __mmask16 bits;
};
inline F16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, F16 a) { _mm512_storeu_ps(p, a.v); }
inline F16 broadcast(float a) { return {_mm512_set1_ps(a)}; }
inline F16 add(F16 a, F16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F16 sub(F16 a, F16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F16 mul(F16 a, F16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F16 div(F16 a, F16 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F16 sqrt(F16 a) { return {_mm512_sqrt_ps(a.v)}; }
// a * b + c, rounded once.
inline F16 fma(F16 a, F16 b, F16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// a > b ? a : b, so a NaN in `a` yields b and a NaN in `b` yields b.
inline F16 max(F16 a, F16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F16 min(F16 a, F16 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F16 roundEven(F16 a) { return {_mm512_roundscale_ps(a.v, 8)}; }
// 2^n for whole n in [-126, 127].
inline F16 powerOfTwo(F16 n) {
  const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
}
inline Mask16 firstLanes(int count) {
  return {static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << static_cast<unsigned>(count)) - 1U)};
}
inline Mask16 less(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, 17)}; }
inline F16 select(Mask16 mask, F16 a, F16 b) { return {_mm512_mask_blend_ps(mask.bits, b.v, a.v)}; }
// Lanes at and beyond `count` are zero and their memory is not touched.
inline F16 loadFirst(const float* p, int count) { return {_mm512_maskz_loadu_ps(firstLanes(count).bits, p)}; }
inline void storeFirst(float* p, F16 a, int count) { _mm512_mask_storeu_ps(p, firstLanes(count).bits, a.v); }
// Sixteen pairs of bf16: the first numbers of all, or the second ones.
inline F16 loadEven(const std::uint16_t* p) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))}; }
inline F16 loadOdd(const std::uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)))};
}
// Sixteen consecutive bf16.
inline F16 loadBf16(const std::uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
// To the nearest bf16, ties to even, as a float. NaN stays NaN.
inline F16 roundToBf16(F16 a) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i tie = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), tie);
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  const __m512i any = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(a.v, a.v, 3), up, quiet);
  return {_mm512_castsi512_ps(_mm512_and_si512(any, _mm512_set1_epi32(-65536)))};
}
// Rounded to bf16, sixteen consecutive.
inline void storeBf16(std::uint16_t* p, F16 a) {
  const __m512i upper = _mm512_srli_epi32(_mm512_castps_si512(roundToBf16(a).v), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(upper));
}

#elif defined(__AVX2__)

struct F16 {
  __m256 lo, hi;
};
struct Mask16 {
  __m256 lo, hi;
};
inline F16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, F16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline F16 broadcast(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
inline F16 add(F16 a, F16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F16 sub(F16 a, F16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F16 mul(F16 a, F16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F16 div(F16 a, F16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F16 sqrt(F16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
inline F16 fma(F16 a, F16 b, F16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F16 max(F16 a, F16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline F16 min(F16 a, F16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
inline F16 roundEven(F16 a) { return {_mm256_round_ps(a.lo, 8), _mm256_round_ps(a.hi, 8)}; }
inline F16 powerOfTwo(F16 n) {
  const __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.lo), bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.hi), bias), 23))};
}
inline Mask16 firstLanes(int count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane)),
          _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count - 8), lane))};
}
inline Mask16 less(F16 a, F16 b) { return {_mm256_cmp_ps(a.lo, b.lo, 17), _mm256_cmp_ps(a.hi, b.hi, 17)}; }
inline F16 select(Mask16 mask, F16 a, F16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, mask.lo), _mm256_blendv_ps(b.hi, a.hi, mask.hi)};
}
inline F16 loadFirst(const float* p, int count) {
  if (count >= kLanes) return load(p);
  const Mask16 mask = firstLanes(count);
  return {_mm256_maskload_ps(p, _mm256_castps_si256(mask.lo)),
          count > 8 ? _mm256_maskload_ps(p + 8, _mm256_castps_si256(mask.hi)) : _mm256_setzero_ps()};
}
// A masked store costs some tens of operations on AMD: whole vectors take the plain one.
inline void storeFirst(float* p, F16 a, int count) {
  if (count >= kLanes) return store(p, a);
  const Mask16 mask = firstLanes(count);
  _mm256_maskstore_ps(p, _mm256_castps_si256(mask.lo), a.lo);
  if (count > 8) _mm256_maskstore_ps(p + 8, _mm256_castps_si256(mask.hi), a.hi);
}
inline __m256i eightPairs(const std::uint16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline F16 loadEven(const std::uint16_t* p) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(eightPairs(p), 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(eightPairs(p + 16), 16))};
}
inline F16 loadOdd(const std::uint16_t* p) {
  const __m256i upper = _mm256_set1_epi32(-65536);
  return {_mm256_castsi256_ps(_mm256_and_si256(eightPairs(p), upper)),
          _mm256_castsi256_ps(_mm256_and_si256(eightPairs(p + 16), upper))};
}
inline __m256 eightBf16(const std::uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
inline F16 loadBf16(const std::uint16_t* p) { return {eightBf16(p), eightBf16(p + 8)}; }
inline __m256 roundToBf16(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i tie = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), tie);
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256 any = _mm256_blendv_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(quiet), _mm256_cmp_ps(a, a, 3));
  return _mm256_and_ps(any, _mm256_castsi256_ps(_mm256_set1_epi32(-65536)));
}
inline F16 roundToBf16(F16 a) { return {roundToBf16(a.lo), roundToBf16(a.hi)}; }
inline void storeBf16(std::uint16_t* p, F16 a) {
  const __m256i lo = _mm256_srli_epi32(_mm256_castps_si256(roundToBf16(a.lo)), 16);
  const __m256i hi = _mm256_srli_epi32(_mm256_castps_si256(roundToBf16(a.hi)), 16);
  const __m256i pairs = _mm256_packus_epi32(lo, hi);  // quarters 0, 2, 1, 3
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(pairs, 0xd8));
}

#else

struct F16 {
  float v[kLanes];
};
struct Mask16 {
  bool v[kLanes];
};
template <class Operation>
inline F16 eachLane(Operation operation) {
  F16 out;
  for (int i = 0; i < kLanes; i++) out.v[i] = operation(i);
  return out;
}
inline F16 load(const float* p) {
  return eachLane([&](int i) { return p[i]; });
}
inline void store(float* p, F16 a) {
  for (int i = 0; i < kLanes; i++) p[i] = a.v[i];
}
inline F16 broadcast(float a) {
  return eachLane([&](int) { return a; });
}
inline F16 add(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] + b.v[i]; });
}
inline F16 sub(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] - b.v[i]; });
}
inline F16 mul(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] * b.v[i]; });
}
inline F16 div(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] / b.v[i]; });
}
inline F16 sqrt(F16 a) {
  return eachLane([&](int i) { return __builtin_sqrtf(a.v[i]); });
}
inline F16 fma(F16 a, F16 b, F16 c) {
  return eachLane([&](int i) { return __builtin_fmaf(a.v[i], b.v[i], c.v[i]); });
}
inline F16 max(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline F16 min(F16 a, F16 b) {
  return eachLane([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
// Adding and taking away 1.5 * 2^23 rounds |a| < 2^22 to a whole number, ties to even.
inline F16 roundEven(F16 a) {
  return eachLane([&](int i) { return (a.v[i] + 12582912.0F) - 12582912.0F; });
}
inline F16 powerOfTwo(F16 n) {
  return eachLane([&](int i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(n.v[i]) + 127) << 23;
    return __builtin_bit_cast(float, bits);
  });
}
inline Mask16 firstLanes(int count) {
  Mask16 out;
  for (int i = 0; i < kLanes; i++) out.v[i] = i < count;
  return out;
}
inline Mask16 less(F16 a, F16 b) {
  Mask16 out;
  for (int i = 0; i < kLanes; i++) out.v[i] = a.v[i] < b.v[i];
  return out;
}
inline F16 select(Mask16 mask, F16 a, F16 b) {
  return eachLane([&](int i) { return mask.v[i] ? a.v[i] : b.v[i]; });
}
inline F16 loadFirst(const float* p, int count) {
  return eachLane([&](int i) { return i < count ? p[i] : 0.0F; });
}
inline void storeFirst(float* p, F16 a, int count) {
  for (int i = 0; i < count && i < kLanes; i++) p[i] = a.v[i];
}
inline F16 loadEven(const std::uint16_t* p) {
  return eachLane([&](int i) { return __builtin_bit_cast(float, std::uint32_t{p[2 * i]} << 16); });
}
inline F16 loadOdd(const std::uint16_t* p) {
  return eachLane([&](int i) { return __builtin_bit_cast(float, std::uint32_t{p[2 * i + 1]} << 16); });
}
inline F16 loadBf16(const std::uint16_t* p) {
  return eachLane([&](int i) { return __builtin_bit_cast(float, std::uint32_t{p[i]} << 16); });
}
inline F16 roundToBf16(F16 a) {
  return eachLane([&](int i) {
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, a.v[i]);
    const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
    const std::uint32_t any = nan ? bits | 0x400000U : bits + 0x7fffU + (bits >> 16 & 1U);
    return __builtin_bit_cast(float, any & 0xffff0000U);
  });
}
inline void storeBf16(std::uint16_t* p, F16 a) {
  const F16 rounded = roundToBf16(a);
  for (int i = 0; i < kLanes; i++) {
    p[i] = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, rounded.v[i]) >> 16);
  }
}

#endif

// Sum of all lanes by one fixed tree: lanes 8 apart, then 4, 2, 1.
inline float sumLanes(F16 a) {
  float v[kLanes];
  store(v, a);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) v[i] = v[i] + v[i + width];
  }
  return v[0];
}
inline float maxLanes(F16 a) {
  float v[kLanes];
  store(v, a);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
  }
  return v[0];
}

}  // namespace agl::AGL_ISA
