// The register tile of every product in bf16: the order of TDPBF16PS (linear.h) in float32 operations. A step of 32 begins
// from zero, so the running sums may be spilled between steps and blocks of steps never change a bit.
#pragma once

#include "core/lanes.h"
#include "ops/linear/linear_codes.lanes.h"
#include "ops/linear/linear_tile.lanes.h"

namespace agl::AGL_ISA {

// Tile rows whose two chains of a step, even and odd, fit in the register file beside one panel (two in AVX-512). Higher tiles
// run the even chains of a step, then the odd ones: half the widening of weights and fewer loads for each product. Weights of one
// byte need registers of their own while they are widened.
#if defined(__AVX512F__)
constexpr int kBf16BothRows = 6;
constexpr int kCodesBothRows = 6;
constexpr int kBf16TileRows = 6;
constexpr int kBf16TilePanels = 2;
#elif defined(__AVX2__)
constexpr int kBf16BothRows = 3;
constexpr int kCodesBothRows = 2;
constexpr int kBf16TileRows = 6;
constexpr int kBf16TilePanels = 1;
#else
constexpr int kBf16BothRows = 2;
constexpr int kCodesBothRows = 2;
constexpr int kBf16TileRows = 2;
constexpr int kBf16TilePanels = 1;
#endif
constexpr std::int64_t kBf16Step = Packed::kStep;
constexpr std::int64_t kBf16StepElements = kBf16Step * kLanes;  // of one panel

// The product's instruction reads subnormal numbers as zero and writes none, whatever the mode says.
class FlushSubnormals {
 public:
#if defined(__SSE2__)
  FlushSubnormals() : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | 0x8040U); }
  ~FlushSubnormals() { __builtin_ia32_ldmxcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | 1ULL << 24) : "memory");
  }
  ~FlushSubnormals() { asm volatile("msr fpcr, %0" : : "r"(before_) : "memory"); }

 private:
  unsigned long long before_ = 0;
#endif
 public:
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
};

// c[r,p] = c[r,p] + sum over steps; a holds bf16 numbers as floats, a step is 32 of them; b is packed panels.
struct Bf16TileData {
  float* c;
  std::int64_t cRow, cPanel;
  const float* a;
  std::int64_t aRow;
  const std::uint16_t* b;
  std::int64_t bPanel;
  std::int64_t steps;
  bool fresh;  // sums begin at +0 and c is only written
  int lanes;   // valid lanes of the last panel of c
  // How far beyond b to fetch while the tile runs, and how much further with each pair of columns.
  std::int64_t ahead = 0;
  std::int64_t aheadPace = 2 * kLanes;
  const std::uint8_t* codes = nullptr;  // weights of one byte, instead of b
};

template <class W>
inline const typename W::Element* weightsOf(const Bf16TileData& d) {
  if constexpr (sizeof(typename W::Element) == 1) return d.codes;
  else return d.b;
}

// W: how a pair of columns of a panel is read, the first numbers of its lanes (half 0) and the second ones.
template <class W, int half>
[[gnu::always_inline]] inline F16 halfOf(const typename W::Element* pair) {
  if constexpr (half == 0) return W::even(pair);
  else return W::odd(pair);
}

// g++ 12 else keeps weights of some instances on the stack, and every multiply-add waits for memory: 4 rows of AVX-512 ran at 102
// instead of 253 GFLOP/s (N 448, K 896, one core). test/rules/object-files.test.ts looks at every instance.
[[gnu::always_inline]] inline void inRegister([[maybe_unused]] F16& number) {
#if defined(__AVX512F__)
  asm("" : "+v"(number.v));
#elif defined(__AVX2__)
  asm("" : "+x"(number.lo), "+x"(number.hi));
#endif
}

// acc[r][p] = fma(a, w, acc[r][p]) over one half of one pair.
template <int half, int R, int P, class W>
[[gnu::always_inline]] inline void addHalf(F16 (&acc)[R][P], const Bf16TileData& d, const float* a, const typename W::Element* b) {
  // Weights of so many panels find registers beside the sums.
  constexpr int kTogether = P <= 2 ? P : 1;
#pragma GCC unroll 16
  for (int first = 0; first < P; first += kTogether) {
    F16 w[kTogether];
#pragma GCC unroll 16
    for (int p = 0; p < kTogether; p++) {
      w[p] = halfOf<W, half>(b + (first + p) * d.bPanel);
      inRegister(w[p]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const F16 number = broadcast(a[r * d.aRow + half]);
#pragma GCC unroll 16
      for (int p = 0; p < kTogether; p++) acc[r][first + p] = fma(number, w[p], acc[r][first + p]);
    }
  }
}

template <int R, int P>
[[gnu::always_inline]] inline void clear(F16 (&acc)[R][P]) {
#pragma GCC unroll 16
  for (int i = 0; i < R * P; i++) acc[i / P][i % P] = broadcast(0.0F);
}

// sums += even + odd of one step.
template <int R, int P, class W>
[[gnu::always_inline]] inline void addStep(float* sums, const Bf16TileData& d, const float* a, const typename W::Element* b,
                                           const typename W::Element* next) {
  constexpr bool kIsCode = sizeof(typename W::Element) == 1;
  constexpr bool kFetches = R > 1 || kIsCode;
  const auto fetch = [&] {
#pragma GCC unroll 16
    for (int p = 0; kFetches && p < P; p++) __builtin_prefetch(next + p * d.bPanel);
    next += d.aheadPace;
  };
  F16 even[R][P], odd[R][P];
  clear(even);
  if constexpr (R <= (kIsCode ? kCodesBothRows : kBf16BothRows)) {
    clear(odd);
    for (int pair = 0; pair < kLanes; pair++) {
      fetch();
      addHalf<0, R, P, W>(even, d, a + 2 * pair, b + 2 * kLanes * pair);
      addHalf<1, R, P, W>(odd, d, a + 2 * pair, b + 2 * kLanes * pair);
    }
  } else {
    for (int pair = 0; pair < kLanes; pair++) {
      fetch();
      addHalf<0, R, P, W>(even, d, a + 2 * pair, b + 2 * kLanes * pair);
    }
    alignas(64) float kept[R * P * kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < R * P; i++) store(kept + i * kLanes, even[i / P][i % P]);
    clear(odd);
    for (int pair = 0; pair < kLanes; pair++) addHalf<1, R, P, W>(odd, d, a + 2 * pair, b + 2 * kLanes * pair);
#pragma GCC unroll 16
    for (int i = 0; i < R * P; i++) even[i / P][i % P] = load(kept + i * kLanes);
  }
#pragma GCC unroll 16
  for (int i = 0; i < R * P; i++) {
    float* sum = sums + i * kLanes;
    store(sum, add(load(sum), add(even[i / P][i % P], odd[i / P][i % P])));
  }
}

template <int R, int P, class W = Bf16Pairs>
void runBf16Tile(const Bf16TileData& data) {
  const Bf16TileData d = data;
  alignas(64) float sums[R * P * kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < R * P; i++) {
    const float* c = d.c + i / P * d.cRow + i % P * d.cPanel;
    const int lanes = i % P == P - 1 ? d.lanes : kLanes;
    store(sums + i * kLanes, d.fresh ? broadcast(0.0F) : loadFirst(c, lanes));
  }
  const typename W::Element* b = weightsOf<W>(d);
  for (std::int64_t s = 0; s < d.steps; s++) {
    addStep<R, P, W>(sums, d, d.a + s * kBf16Step, b + s * kBf16StepElements, b + d.ahead + s * kLanes * d.aheadPace);
  }
#pragma GCC unroll 16
  for (int i = 0; i < R * P; i++) {
    storeFirst(d.c + i / P * d.cRow + i % P * d.cPanel, load(sums + i * kLanes), i % P == P - 1 ? d.lanes : kLanes);
  }
}

template <int R, int P>
[[gnu::always_inline]] inline void runBf16TileAs(Dtype weights, const Bf16TileData& d) {
  if (weights == Dtype::i8) return runBf16Tile<R, P, I8Pairs>(d);
  if (weights == Dtype::f8) return runBf16Tile<R, P, F8Pairs>(d);
  runBf16Tile<R, P, Bf16Pairs>(d);
}

template <int P, int R = kBf16TileRows>
[[gnu::always_inline]] inline void runBf16TileOf(std::int64_t rows, Dtype weights, const Bf16TileData& d) {
  if (rows == R) {
    runBf16TileAs<R, P>(weights, d);
  } else if constexpr (R > 1) {
    runBf16TileOf<P, R - 1>(rows, weights, d);
  }
}

// `rows` tile rows in as few tiles as possible, all of nearly the same height, over weights in bf16.
template <int P>
inline void runBf16Tiles(std::int64_t rows, const Bf16TileData& first) {
  const std::int64_t tiles = (rows + kBf16TileRows - 1) / kBf16TileRows;
  Bf16TileData d = first;
  for (std::int64_t t = 0; t < tiles; t++) {
    const std::int64_t begin = rows * t / tiles, end = rows * (t + 1) / tiles;
    d.c = first.c + begin * first.cRow;
    d.a = first.a + begin * first.aRow;
    if (tiles > 1) {  // each fetches its share of what follows
      d.ahead = first.steps * kBf16StepElements * (tiles + t) / tiles;
      d.aheadPace = (2 * kLanes + tiles - 1) / tiles;
    }
    runBf16TileOf<P>(end - begin, Dtype::bf16, d);
  }
}

// Rows of numbers rounded to bf16, in floats; zero from `columns` up to a whole step. First times their columns' scales, unless null.
inline void roundRows(float* to, std::int64_t toStride, const float* from, std::int64_t fromStride, std::int64_t rows,
                      std::int64_t columns, const float* scales = nullptr) {
  const std::int64_t padded = (columns + kBf16Step - 1) / kBf16Step * kBf16Step;
  for (std::int64_t r = 0; r < rows; r++) {
    for (std::int64_t c = 0; c < padded; c += kLanes) {
      const std::int64_t count = columns - c;
      F16 numbers = count > 0 ? loadFirst(from + r * fromStride + c, static_cast<int>(smaller(count, kLanes)))
                              : broadcast(0.0F);
      if (scales != nullptr && count > 0) numbers = mul(numbers, load(scales + c));
      store(to + r * toStride + c, roundToBf16(numbers));
    }
  }
}

}  // namespace agl::AGL_ISA
