// Packed weights turned for backwardInput: W' has panels of 16 columns of W, and its steps run over 32 outputs.
// Two outputs by two columns are one number of 64 bits, both in W and in W': turning a step is turning each of those
// (its middle halves change places) and transposing a matrix of them.
#pragma once

#include "core/lanes.h"
#include "core/view.h"
#include "ops/linear/linear_codes.lanes.h"

namespace agl::AGL_ISA {

constexpr std::int64_t kPairRow = 2 * kLanes;  // halves of a row of a step: 16 lanes of a pair

// Eight rows of eight squares from `from` to `to`.
inline void transposeSquares(std::uint16_t* to, const std::uint16_t* from) {
#if defined(__AVX512F__)
  const __m512i middle = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  const auto rows = [&](int row, int half) {  // four squares of rows `row` and `row` + 2, turned
    const auto quarter = [&](int r) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + r * kPairRow + half * kLanes));
    };
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(quarter(row)), quarter(row + 2), 1);
    return _mm512_shuffle_epi8(both, middle);
  };
#pragma GCC unroll 2
  for (int half = 0; half < 2; half++) {
    const __m512i row02 = rows(0, half), row13 = rows(1, half), row46 = rows(4, half), row57 = rows(5, half);
    std::uint16_t* out = to + half * 4 * kPairRow;
    const __m512i even0 = _mm512_unpacklo_epi64(row02, row13), even4 = _mm512_unpacklo_epi64(row46, row57);
    const __m512i odd0 = _mm512_unpackhi_epi64(row02, row13), odd4 = _mm512_unpackhi_epi64(row46, row57);
    _mm512_storeu_si512(out, _mm512_shuffle_i64x2(even0, even4, 0x88));
    _mm512_storeu_si512(out + kPairRow, _mm512_shuffle_i64x2(odd0, odd4, 0x88));
    _mm512_storeu_si512(out + 2 * kPairRow, _mm512_shuffle_i64x2(even0, even4, 0xdd));
    _mm512_storeu_si512(out + 3 * kPairRow, _mm512_shuffle_i64x2(odd0, odd4, 0xdd));
  }
#elif defined(__AVX2__)
  const __m256i middle = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
#pragma GCC unroll 4
  for (int part = 0; part < 4; part++) {
    const std::uint16_t* in = from + part / 2 * 4 * kPairRow + part % 2 * kLanes;
    std::uint16_t* out = to + part % 2 * 4 * kPairRow + part / 2 * kLanes;
    __m256i row[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      row[i] = _mm256_shuffle_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i * kPairRow)), middle);
    }
    const __m256i even0 = _mm256_unpacklo_epi64(row[0], row[1]), even2 = _mm256_unpacklo_epi64(row[2], row[3]);
    const __m256i odd0 = _mm256_unpackhi_epi64(row[0], row[1]), odd2 = _mm256_unpackhi_epi64(row[2], row[3]);
    const __m256i turned[4] = {
        _mm256_permute2x128_si256(even0, even2, 0x20), _mm256_permute2x128_si256(odd0, odd2, 0x20),
        _mm256_permute2x128_si256(even0, even2, 0x31), _mm256_permute2x128_si256(odd0, odd2, 0x31)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i * kPairRow), turned[i]);
  }
#else
  for (int r = 0; r < kLanes; r++) {
    for (int c = 0; c < kLanes; c++) to[c / 2 * kPairRow + r * 2 + c % 2] = from[r / 2 * kPairRow + c * 2 + r % 2];
  }
#endif
}

// One step of outputs [n, n + 32) and columns [k, k + 32) of W as one step of two panels of W'.
inline void transposeStep(std::uint16_t* first, std::uint16_t* second, const Packed& w, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t kEightRows = 8 * kPairRow;
  alignas(64) std::uint16_t expanded[kStepElements];
  for (std::int64_t half = 0; half < 2; half++) {
    const std::int64_t output = n + half * kLanes;
    std::uint16_t* to[] = {first + half * kEightRows, second + half * kEightRows};
    if (output < w.n) {
      const std::uint16_t* from = panelSteps(w, output / kLanes, 1, k / Packed::kStep, k / Packed::kStep + 1, expanded).data;
      for (int i = 0; i < 2; i++) transposeSquares(to[i], from + i * kEightRows);
    } else {
      for (std::uint16_t* rows : to) __builtin_memset(rows, 0, kEightRows * sizeof(std::uint16_t));
    }
  }
}

}  // namespace agl::AGL_ISA
