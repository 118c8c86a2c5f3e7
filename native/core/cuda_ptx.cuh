// The PTX instructions behind core/cuda.h, as nvcc compiles them.   PTX ISA 9.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace agl::cuda {

// Dynamic shared memory, the only kind. 1,024-byte aligned, as a 128-byte swizzle needs.
__device__ __forceinline__ unsigned char* sharedMemory() {
  extern __shared__ __align__(1024) unsigned char aglSharedMemory[];
  return aglSharedMemory;
}

__device__ __forceinline__ std::uint32_t sharedAddress(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

// Waits for `threads` threads (a multiple of 32) of the block at barrier `id`, 1 to 15.
__device__ __forceinline__ void barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// bf16 to nearest even; NaN becomes 0x7fff.
__device__ __forceinline__ std::uint16_t toBf16(float value) {
  std::uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ __forceinline__ std::uint32_t packBf16(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float fromBf16(std::uint16_t bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}

// d += a b for a (16,16) row-major and b (16,8) column-major in bf16, f32 sums; fragments as PTX lays them out.
__device__ __forceinline__ void mma16816(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Matrices of 8 x 8 16-bit elements: lanes 8 m to 8 m + 7 point at the rows of matrix m, 16 aligned bytes each.
__device__ __forceinline__ void loadMatrix4(std::uint32_t (&r)[4], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(shared))
               : "memory");
}
__device__ __forceinline__ void loadMatrix4Transposed(std::uint32_t (&r)[4], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(shared))
               : "memory");
}
__device__ __forceinline__ void loadMatrix2(std::uint32_t (&r)[2], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(sharedAddress(shared))
               : "memory");
}
__device__ __forceinline__ void loadMatrix2Transposed(std::uint32_t (&r)[2], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(sharedAddress(shared))
               : "memory");
}

// 16 bytes from global to shared memory behind the thread's back, zeros where not valid (global is not read then).
__device__ __forceinline__ void copyAsync16(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(valid ? 16 : 0)
               : "memory");
}
// Ends a group of the copies since the last.
__device__ __forceinline__ void copyAsyncCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most N groups of this thread are under way; other threads' copies are seen after a barrier.
template <int N>
__device__ __forceinline__ void copyAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// A kernel as the runtime knows it.
template <class... P>
const void* functionOf(void (*kernel)(P...)) {
  return reinterpret_cast<const void*>(kernel);
}

}  // namespace agl::cuda
