// Hopper's instructions (sm_90a) behind core/cuda.h: mbarrier, TMA and wgmma. Compiled for another target they do nothing;
// only kernels for a device whose hopper() holds may use them, and ask hasInstructions() first.
//   PTX ISA 9.0, "Asynchronous Warpgroup Level Matrix"
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "core/cuda_ptx.cuh"

namespace agl::cuda::hopper {

using TensorMap = CUtensorMap;
using Barrier = std::uint64_t;  // in shared memory, 8-byte aligned

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define AGL_HOPPER(...) __VA_ARGS__
#else
#define AGL_HOPPER(...)
#endif

// False, and the launch fails, in code for another target.
__device__ __forceinline__ bool hasInstructions() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  return true;
#else
  asm volatile("trap;");
  return false;
#endif
}

// ---- mbarrier: a phase ends when its arrivals have come and its bytes are there; the first phase has parity 0

__device__ __forceinline__ void initBarrier([[maybe_unused]] Barrier* barrier, [[maybe_unused]] unsigned arrivals) {
  AGL_HOPPER(asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(arrivals) : "memory");)
}
// After the inits, before any use; a __syncthreads() follows.
__device__ __forceinline__ void fenceBarriers() {
  AGL_HOPPER(asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
             asm volatile("fence.proxy.async.shared::cta;" ::: "memory");)
}
// Arrives, and says how many bytes the phase waits for in addition.
__device__ __forceinline__ void expectBytes([[maybe_unused]] Barrier* barrier, [[maybe_unused]] unsigned bytes) {
  AGL_HOPPER(asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(bytes)
                          : "memory");)
}
__device__ __forceinline__ void arrive([[maybe_unused]] Barrier* barrier) {
  AGL_HOPPER(asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(sharedAddress(barrier)) : "memory");)
}
// Returns once the phase of this parity has ended.
__device__ __forceinline__ void wait([[maybe_unused]] Barrier* barrier, [[maybe_unused]] unsigned parity) {
  AGL_HOPPER(unsigned done = 0; while (done == 0) {
    asm volatile(
        "{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
        : "=r"(done)
        : "r"(sharedAddress(barrier)), "r"(parity)
        : "memory");
  })
}

// ---- TMA

// What threads wrote to shared memory is visible to wgmma and TMA afterwards.
__device__ __forceinline__ void fenceShared() {
  AGL_HOPPER(asm volatile("fence.proxy.async.shared::cta;" ::: "memory");)
}
// The map's box at (row, column) to shared memory (1,024-byte aligned), zeros beyond the matrix; its bytes count for `barrier`.
__device__ __forceinline__ void tmaLoad2d([[maybe_unused]] void* shared, [[maybe_unused]] const TensorMap& map,
                                          [[maybe_unused]] Barrier* barrier, [[maybe_unused]] int row,
                                          [[maybe_unused]] int column) {
  AGL_HOPPER(asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          sharedAddress(shared)),
      "l"(&map), "r"(column), "r"(row), "r"(sharedAddress(barrier))
      : "memory");)
}

// ---- wgmma: a warp group of 128 threads

// How an operand lies in shared memory, 128-byte swizzled as TMA writes it:
//   k   rows of 64 columns of K, 128 bytes each, 8 rows in 1,024 bytes; the next 16 of K are 32 bytes on
//   mn  rows of one k each, 64 of M or N; the next 16 of K are 2,048 bytes on, the next 64 of M or N `blockBytes` on
enum class Major { k, mn };

__device__ __forceinline__ std::uint64_t describe(const void* shared, std::uint64_t blockBytes) {
  constexpr std::uint64_t eightRows = 1024 >> 4, swizzle128 = std::uint64_t{1} << 62;
  return std::uint64_t{(sharedAddress(shared) & 0x3ffffU) >> 4} | (blockBytes >> 4) << 16 | eightRows << 32 | swizzle128;
}
__device__ __forceinline__ std::uint64_t describeK(const void* shared) { return describe(shared, 16); }
__device__ __forceinline__ std::uint64_t describeMn(const void* shared, unsigned blockBytes) {
  return describe(shared, blockBytes);
}

// Before the first product, and before one whose registers were touched since.
__device__ __forceinline__ void fence() { AGL_HOPPER(asm volatile("wgmma.fence.sync.aligned;" ::: "memory");) }
__device__ __forceinline__ void commit() { AGL_HOPPER(asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");) }
// At most N groups stay under way.
template <int N>
__device__ __forceinline__ void waitProducts() {
  AGL_HOPPER(asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");)
}

// Follows a wait: no use of these registers moves across it, which nothing else tells the compiler.
template <int N>
__device__ __forceinline__ void pin([[maybe_unused]] float (&d)[N]) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
#endif
}

// Registers of a thread, for warps that need more or fewer than they started with; R a multiple of 8.
template <int R>
__device__ __forceinline__ void takeRegisters() {
  AGL_HOPPER(asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(R));)
}
template <int R>
__device__ __forceinline__ void giveRegisters() {
  AGL_HOPPER(asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(R));)
}

#define AGL_D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define AGL_D8(i) AGL_D4(i), AGL_D4(i + 4)
#define AGL_D16(i) AGL_D8(i), AGL_D8(i + 8)
#define AGL_D32(i) AGL_D16(i), AGL_D16(i + 16)
#define AGL_D64(i) AGL_D32(i), AGL_D32(i + 32)
#define AGL_R4 "%0,%1,%2,%3"
#define AGL_R8 AGL_R4 ",%4,%5,%6,%7"
#define AGL_R16 AGL_R8 ",%8,%9,%10,%11,%12,%13,%14,%15"
#define AGL_R32 AGL_R16 ",%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define AGL_R48 AGL_R32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47"
#define AGL_R64 AGL_R48 ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define AGL_R80 AGL_R64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79"
#define AGL_R96 AGL_R80 ",%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95"
#define AGL_R112 AGL_R96 ",%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111"
#define AGL_R128 AGL_R112 ",%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
// The numbers of the operands after d's are written out: nvcc knows no operand by a name.
#define AGL_WGMMA_SHARED(n, registers, a, b, c, ta, tb, ...)                                                               \
  asm volatile("{.reg .pred p; setp.ne.b32 p, %" #c ", 0; wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {"      \
               registers "}, %" #a ", %" #b ", p, 1, 1, %" #ta ", %" #tb ";}"                                              \
               : __VA_ARGS__                                                                                               \
               : "l"(left), "l"(right), "r"(static_cast<int>(accumulate)), "n"(A == Major::mn), "n"(B == Major::mn))
#define AGL_WGMMA_REGISTERS(n, registers, a0, a1, a2, a3, b, c, tb, ...)                                                   \
  asm volatile("{.reg .pred p; setp.ne.b32 p, %" #c ", 0; wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {"      \
               registers "}, {%" #a0 ", %" #a1 ", %" #a2 ", %" #a3 "}, %" #b ", p, 1, 1, %" #tb ";}"                       \
               : __VA_ARGS__                                                                                               \
               : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "l"(right), "r"(static_cast<int>(accumulate)),    \
                 "n"(B == Major::mn))

template <int N>
constexpr bool kProductWidth = N == 8 || N == 16 || N == 32 || N == 64 || N == 96 || N == 128 || N == 192 || N == 256;

// d (64,N) = left (64,16) right (16,N), added to what d holds where `accumulate`; both operands by their descriptors.
// Thread t holds of d row 16 (t / 32) + t % 32 / 4 + 8 (i / 2 % 2) and column 8 (i / 4) + 2 (t % 4) + i % 2.
template <int N, Major A = Major::k, Major B = Major::k>
__device__ __forceinline__ void wgmma([[maybe_unused]] float (&d)[N / 2], [[maybe_unused]] std::uint64_t left,
                                      [[maybe_unused]] std::uint64_t right, [[maybe_unused]] bool accumulate) {
  static_assert(kProductWidth<N>);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  if constexpr (N == 8) AGL_WGMMA_SHARED(8, AGL_R4, 4, 5, 6, 7, 8, AGL_D4(0));
  if constexpr (N == 16) AGL_WGMMA_SHARED(16, AGL_R8, 8, 9, 10, 11, 12, AGL_D8(0));
  if constexpr (N == 32) AGL_WGMMA_SHARED(32, AGL_R16, 16, 17, 18, 19, 20, AGL_D16(0));
  if constexpr (N == 64) AGL_WGMMA_SHARED(64, AGL_R32, 32, 33, 34, 35, 36, AGL_D32(0));
  if constexpr (N == 96) AGL_WGMMA_SHARED(96, AGL_R48, 48, 49, 50, 51, 52, AGL_D32(0), AGL_D16(32));
  if constexpr (N == 128) AGL_WGMMA_SHARED(128, AGL_R64, 64, 65, 66, 67, 68, AGL_D64(0));
  if constexpr (N == 192) AGL_WGMMA_SHARED(192, AGL_R96, 96, 97, 98, 99, 100, AGL_D64(0), AGL_D32(64));
  if constexpr (N == 256) AGL_WGMMA_SHARED(256, AGL_R128, 128, 129, 130, 131, 132, AGL_D64(0), AGL_D64(64));
#endif
}

// The same with left in registers: each warp's 16 rows in the fragments of mma16816's a.
template <int N, Major B = Major::k>
__device__ __forceinline__ void wgmma([[maybe_unused]] float (&d)[N / 2], [[maybe_unused]] const std::uint32_t (&left)[4],
                                      [[maybe_unused]] std::uint64_t right, [[maybe_unused]] bool accumulate) {
  static_assert(kProductWidth<N>);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  if constexpr (N == 8) AGL_WGMMA_REGISTERS(8, AGL_R4, 4, 5, 6, 7, 8, 9, 10, AGL_D4(0));
  if constexpr (N == 16) AGL_WGMMA_REGISTERS(16, AGL_R8, 8, 9, 10, 11, 12, 13, 14, AGL_D8(0));
  if constexpr (N == 32) AGL_WGMMA_REGISTERS(32, AGL_R16, 16, 17, 18, 19, 20, 21, 22, AGL_D16(0));
  if constexpr (N == 64) AGL_WGMMA_REGISTERS(64, AGL_R32, 32, 33, 34, 35, 36, 37, 38, AGL_D32(0));
  if constexpr (N == 96) AGL_WGMMA_REGISTERS(96, AGL_R48, 48, 49, 50, 51, 52, 53, 54, AGL_D32(0), AGL_D16(32));
  if constexpr (N == 128) AGL_WGMMA_REGISTERS(128, AGL_R64, 64, 65, 66, 67, 68, 69, 70, AGL_D64(0));
  if constexpr (N == 192) AGL_WGMMA_REGISTERS(192, AGL_R96, 96, 97, 98, 99, 100, 101, 102, AGL_D64(0), AGL_D32(64));
  if constexpr (N == 256) AGL_WGMMA_REGISTERS(256, AGL_R128, 128, 129, 130, 131, 132, 133, 134, AGL_D64(0), AGL_D64(64));
#endif
}

}  // namespace agl::cuda::hopper
