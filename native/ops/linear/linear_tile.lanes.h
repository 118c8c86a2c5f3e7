// The register tile of every matrix product: R rows by P panels of sixteen lanes, one fused chain per output. Spilling
// a chain to memory and taking it up again is free of rounding, so blocks of steps never change a bit.
#pragma once

#include "core/lanes.h"

namespace agl::AGL_ISA {

// R x P accumulators, P lanes of b and one broadcast fill the register file.
#if defined(__AVX512F__)
constexpr int kTileRows = 14;
constexpr int kTilePanels = 2;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
constexpr int kTilePanels = 1;
#else
constexpr int kTileRows = 4;
constexpr int kTilePanels = 1;
#endif

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// c[r,p] = chain over s ascending of fma(a[r,s], b[p,s], c[r,p]); a is a number, b and c are sixteen lanes.
struct TileData {
  float* c;
  std::int64_t cRow, cPanel;
  const float* a;
  std::int64_t aRow, aStep;  // from one step to the next; where steps are panels' lanes, from one panel to the next
  const float* b;  // a step is sixteen numbers further
  std::int64_t bPanel;
  std::int64_t steps;
  bool fresh;  // chains begin at +0 and c is only written
  int lanes;   // valid lanes of the last panel of c
  std::int64_t ahead = 0;  // how far beyond b to fetch, while the last tile runs or all of two; 0 is not at all
};

// How a's steps lie in memory: one after the other (x of forward), as the lanes of consecutive panels (w of
// backwardInput), one a row (dy of backwardWeight, whose tile rows are neighbours).
enum class Steps { contiguous, lanesOfPanels, strided };

template <bool fetch, int R, int P>
[[gnu::always_inline]] inline void chain(F16 (&acc)[R][P], const float* a, std::int64_t aRow, std::int64_t aStep,
                                         const float* b, std::int64_t bPanel, std::int64_t bStep, std::int64_t steps,
                                         std::int64_t ahead) {
  for (std::int64_t s = 0; s < steps; s++) {
    F16 lanes[P];
#pragma GCC unroll 16
    for (int p = 0; fetch && p < P; p++) __builtin_prefetch(b + p * bPanel + ahead);
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) lanes[p] = load(b + p * bPanel);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const F16 number = broadcast(a[r * aRow]);
#pragma GCC unroll 16
      for (int p = 0; p < P; p++) acc[r][p] = fma(number, lanes[p], acc[r][p]);
    }
    a += aStep;
    b += bStep;
  }
}

template <Steps kind, int R, int P>
void runTile(const TileData& data) {
  const TileData d = data;  // stores through d.c cannot alias a copy
  F16 acc[R][P];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) {
      const float* c = d.c + r * d.cRow + p * d.cPanel;
      acc[r][p] = d.fresh ? broadcast(0.0F) : p == P - 1 && d.lanes < kLanes ? loadFirst(c, d.lanes) : load(c);
    }
  }
  if constexpr (kind == Steps::contiguous) {
    if (d.ahead != 0) {
      chain<true, R, P>(acc, d.a, d.aRow, 1, d.b, d.bPanel, kLanes, d.steps, d.ahead);
    } else {
      chain<false, R, P>(acc, d.a, d.aRow, 1, d.b, d.bPanel, kLanes, d.steps, 0);
    }
  } else if constexpr (kind == Steps::strided) {
    chain<false, R, P>(acc, d.a, 1, d.aStep, d.b, d.bPanel, kLanes, d.steps, 0);
  } else {
    const float* a = d.a;
    const float* b = d.b;
    for (std::int64_t s = 0; s < d.steps; s += kLanes) {
      const std::int64_t count = d.steps - s < kLanes ? d.steps - s : kLanes;
      chain<false, R, P>(acc, a, kLanes, 1, b, d.bPanel, kLanes, count, 0);
      a += d.aStep;
      b += kLanes * kLanes;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 16
    for (int p = 0; p < P; p++) {
      float* c = d.c + r * d.cRow + p * d.cPanel;
      if (p == P - 1 && d.lanes < kLanes) {
        storeFirst(c, acc[r][p], d.lanes);
      } else {
        store(c, acc[r][p]);
      }
    }
  }
}

template <Steps kind, int P, int R = kTileRows>
[[gnu::always_inline]] inline void runTileOf(std::int64_t rows, const TileData& d) {
  if (rows == R) {
    runTile<kind, R, P>(d);
  } else if constexpr (R > 1) {
    runTileOf<kind, P, R - 1>(rows, d);
  }
}

// `rows` tile rows in as few tiles as possible, all of nearly the same height.
template <Steps kind, int P>
inline void runTiles(std::int64_t rows, const TileData& first) {
  const std::int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  TileData d = first;
  for (std::int64_t t = 0; t < tiles; t++) {
    const std::int64_t begin = rows * t / tiles, end = rows * (t + 1) / tiles;
    d.c = first.c + begin * first.cRow;
    d.a = first.a + begin * first.aRow;
    d.ahead = tiles <= 2 || t + 1 == tiles ? first.ahead : 0;
    for (std::int64_t r = end; r < smaller(rows, end + kTileRows); r++) {
      for (int p = 0; p < P; p++) __builtin_prefetch(first.c + r * first.cRow + p * first.cPanel, 1);
    }
    runTileOf<kind, P>(end - begin, d);
  }
}

// out[c][r] = in[r][c] for 16 x 16 numbers.
inline void transpose16(float* out, std::int64_t outStride, const float* in, std::int64_t inStride) {
#if defined(__AVX2__)
  for (int half = 0; half < 4; half++) {
    const float* from = in + (half / 2) * 8 * inStride + (half % 2) * 8;
    float* to = out + (half % 2) * 8 * outStride + (half / 2) * 8;
    __m256 row[8], pair[8], quad[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) row[i] = _mm256_loadu_ps(from + i * inStride);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
      pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
      quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
      quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
      quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
      quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      _mm256_storeu_ps(to + i * outStride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20));
      _mm256_storeu_ps(to + (i + 4) * outStride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31));
    }
  }
#else
  for (int r = 0; r < kLanes; r++) {
    for (int c = 0; c < kLanes; c++) out[c * outStride + r] = in[r * inStride + c];
  }
#endif
}

}  // namespace agl::AGL_ISA
