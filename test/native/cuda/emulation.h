// CUDA for a machine without it: what core/cuda.h offers to kernels, on fibers and in software. The same source that nvcc
// compiles is compiled as C++ with AGL_CUDA_EMULATED. Results say that a kernel's indices, barriers and formulas hold;
// they say nothing of speed, and the sums inside a tensor core's instruction are not those of any device.
//   Collectives wait for every lane of their mask. Shared memory starts as 0xff. cp.async arrives at its wait, no earlier.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "core/half.h"
#include "cuda/emulation_graph.h"
#include "cuda/emulation_hopper.h"
#include "cuda/emulation_runtime.h"
#include "cuda/emulation_threads.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))

#define threadIdx (::agl::emulation::current->thread)
#define blockIdx (::agl::emulation::block.index)
#define blockDim (::agl::emulation::block.size)
#define gridDim (::agl::emulation::block.grid)

// ---- vectors

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// ---- arithmetic, each rounded once

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return std::sqrt(a); }

inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline long long __double_as_longlong(double value) { return std::bit_cast<long long>(value); }
inline double __longlong_as_double(long long bits) { return std::bit_cast<double>(bits); }
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1; }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(std::uint64_t{a} * b >> 32); }

// ---- collectives

inline void __syncthreads() { ::agl::emulation::waitBarrier(0, 0); }
inline void __syncwarp(unsigned mask = 0xffffffffU) {
  ::agl::emulation::meet("__syncwarp", mask, nullptr, [](void* const*) {});
}
inline void __threadfence() {}

namespace agl::emulation {

// How a lane names the one it reads from.
enum class Shuffle { lane, down, up, flip };
std::uint64_t shuffle(const char* name, unsigned mask, std::uint64_t value, Shuffle how, int by, int width);
unsigned ballot(unsigned mask, bool predicate);

template <class T>
T shuffleAny(const char* name, unsigned mask, T value, Shuffle how, int by, int width) {
  static_assert(std::is_arithmetic_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = shuffle(name, mask, bits, how, by, width);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace agl::emulation

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return ::agl::emulation::shuffleAny("__shfl_sync", mask, value, ::agl::emulation::Shuffle::lane, lane, width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32) {
  return ::agl::emulation::shuffleAny("__shfl_xor_sync", mask, value, ::agl::emulation::Shuffle::flip, flip, width);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  return ::agl::emulation::shuffleAny("__shfl_down_sync", mask, value, ::agl::emulation::Shuffle::down,
                                      static_cast<int>(by), width);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  return ::agl::emulation::shuffleAny("__shfl_up_sync", mask, value, ::agl::emulation::Shuffle::up, static_cast<int>(by),
                                      width);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) { return ::agl::emulation::ballot(mask, predicate != 0); }
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0 ? 1 : 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate == 0) == 0 ? 1 : 0; }

// Threads run one at a time, so this is atomic.
inline int atomicAdd(int* at, int by) {
  const int old = *at;
  *at = old + by;
  return old;
}
inline unsigned atomicAdd(unsigned* at, unsigned by) {
  const unsigned old = *at;
  *at = old + by;
  return old;
}

namespace agl::cuda {

inline unsigned char* sharedMemory() { return ::agl::emulation::block.shared; }
void barrier(int id, int threads);

inline std::uint16_t toBf16(float value) {
  const std::uint16_t bits = f32ToBf16(value);
  return (bits & 0x7fffU) > 0x7f80U ? std::uint16_t{0x7fff} : bits;
}
inline std::uint32_t packBf16(float low, float high) {
  return std::uint32_t{toBf16(low)} | std::uint32_t{toBf16(high)} << 16;
}
inline float fromBf16(std::uint16_t bits) { return bf16ToF32(bits); }

void mma16816(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]);
void loadMatrix4(std::uint32_t (&r)[4], const void* shared);
void loadMatrix4Transposed(std::uint32_t (&r)[4], const void* shared);
void loadMatrix2(std::uint32_t (&r)[2], const void* shared);
void loadMatrix2Transposed(std::uint32_t (&r)[2], const void* shared);

void copyAsync16(void* shared, const void* global, bool valid);
void copyAsyncCommit();
void copyAsyncWaitFor(std::size_t groups);  // at most so many groups stay under way
template <int N>
void copyAsyncWait() {
  copyAsyncWaitFor(N);
}

// A kernel as the runtime knows it: by its address, once it has been told how it is called.
template <class... P>
const void* functionOf(void (*kernel)(P...)) {
  static constexpr std::size_t sizes[] = {sizeof(P)..., 0};
  static constexpr bool arePointers[] = {std::is_pointer_v<P>..., false};
  const auto run = [](const void* function, const unsigned char* arguments, emulation::Launch launch) {
    struct Closure {
      void (*kernel)(P...);
      std::tuple<P...> arguments;
    };
    [[maybe_unused]] const auto take = [&arguments]<class T>(std::type_identity<T>) {
      std::array<unsigned char, sizeof(T)> bytes;
      std::memcpy(bytes.data(), arguments, sizeof(T));
      arguments += sizeof(T);
      return std::bit_cast<T>(bytes);
    };
    Closure closure{reinterpret_cast<void (*)(P...)>(const_cast<void*>(function)),
                    std::tuple<P...>{take(std::type_identity<P>{})...}};  // braces: in order
    launch.thread = [](void* all) {
      auto& own = *static_cast<Closure*>(all);
      std::apply(own.kernel, own.arguments);
    };
    launch.closure = &closure;
    return emulation::runLaunch(launch);
  };
  const void* function = reinterpret_cast<const void*>(kernel);
  emulation::learn(function, {sizeof...(P), sizes, arePointers, run});
  return function;
}

}  // namespace agl::cuda
