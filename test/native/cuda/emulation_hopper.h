// Hopper's mbarrier, TMA and wgmma, in software: what core/cuda_hopper.cuh offers.
//   A transfer arrives when nothing else can run, a product when its group is waited for: until then what they write is
//   0xff bytes and NaN. Not seen: a missing fence between proxies.
#pragma once

#include <cstdint>

#include "cuda/emulation_runtime.h"

namespace agl::cuda::hopper {

using TensorMap = CUtensorMap;
using Barrier = std::uint64_t;

enum class Major { k, mn };

inline bool hasInstructions() { return true; }
void initBarrier(Barrier* barrier, unsigned arrivals);
inline void fenceBarriers() {}
void expectBytes(Barrier* barrier, unsigned bytes);
void arrive(Barrier* barrier);
void wait(Barrier* barrier, unsigned parity);

inline void fenceShared() {}
void tmaLoad2d(void* shared, const TensorMap& map, Barrier* barrier, int row, int column);

std::uint64_t describeK(const void* shared);
std::uint64_t describeMn(const void* shared, unsigned blockBytes);

void fence();
void commit();
void waitProductsFor(std::size_t groups);
template <int N>
void waitProducts() {
  waitProductsFor(N);
}
template <int N>
void pin(float (&)[N]) {}
template <int R>
void takeRegisters() {
  static_assert(R % 8 == 0 && R >= 24 && R <= 256);
}
template <int R>
void giveRegisters() {
  static_assert(R % 8 == 0 && R >= 24 && R <= 256);
}

// `left` is null where A is in shared memory.
void startProduct(float* d, int n, const std::uint32_t* left, std::uint64_t leftDescriptor, bool leftMn,
                  std::uint64_t right, bool rightMn, bool accumulate);

template <int N>
constexpr bool kProductWidth = N == 8 || N == 16 || N == 32 || N == 64 || N == 96 || N == 128 || N == 192 || N == 256;

template <int N, Major A = Major::k, Major B = Major::k>
void wgmma(float (&d)[N / 2], std::uint64_t left, std::uint64_t right, bool accumulate) {
  static_assert(kProductWidth<N>);
  startProduct(d, N, nullptr, left, A == Major::mn, right, B == Major::mn, accumulate);
}
template <int N, Major B = Major::k>
void wgmma(float (&d)[N / 2], const std::uint32_t (&left)[4], std::uint64_t right, bool accumulate) {
  static_assert(kProductWidth<N>);
  startProduct(d, N, left, 0, false, right, B == Major::mn, accumulate);
}

}  // namespace agl::cuda::hopper
