// Weights of one byte (core/codes.h) in device memory: packed row by row, back, and expanded into bf16 for products of many
// rows. All of it moves bytes: bound by memory.
#include "core/codes.h"
#include "core/half.h"
#include "ops/linear/linear_codes.cuh"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;  // each packs a row

template <Dtype kFrom>
__device__ float numberAt(const void* from, std::int64_t i) {
  if constexpr (kFrom == Dtype::f32) return static_cast<const float*>(from)[i];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(from)[i];
  return kFrom == Dtype::bf16 ? cuda::fromBf16(bits) : f16ToF32(bits);
}

struct PackShape {
  std::int64_t rows, cols, stride;  // of the source
  std::int64_t packedRows, packedStride;
};

// A warp for each packed row, those beyond the source zeros of scale 1.
template <Dtype kCodes, Dtype kFrom>
__global__ void __launch_bounds__(kThreads) packKernel(void* packed, float* scales, const void* from, PackShape s) {
  auto* const to = static_cast<std::uint8_t*>(packed);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= s.packedRows) return;
  const std::int64_t columns = row < s.rows ? s.cols : 0;
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  std::uint32_t largest = 0;
  for (std::int64_t k = lane; k < columns; k += 32) {
    const std::uint32_t magnitude = magnitudeBits(numberAt<kFrom>(from, row * s.stride + k));
    largest = magnitude > largest ? magnitude : largest;
  }
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) {
    const std::uint32_t other = __shfl_xor_sync(0xffffffffU, largest, apart);
    largest = other > largest ? other : largest;
  }
  const float scale = codeScale(kCodes, largest);
  if (lane == 0) scales[row] = scale;
  for (std::int64_t k = lane; k < s.packedStride; k += 32) {
    to[row * s.packedStride + k] = k < columns ? codeOf(kCodes, numberAt<kFrom>(from, row * s.stride + k), scale) : 0;
  }
}

struct UnpackShape {
  std::int64_t rows, cols, stride;  // of the result
  std::int64_t packedStride;
};

template <Dtype kCodes>
__global__ void __launch_bounds__(kThreads) unpackKernel(float* to, const void* from, const float* scales, UnpackShape s) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t row = index / s.cols, column = index % s.cols;
  if (row >= s.rows) return;
  to[row * s.stride + column] = __fmul_rn(numberOfCode<kCodes>(static_cast<const std::uint8_t*>(from)[row * s.packedStride + column]), scales[row]);
}

// A thread has 16 codes.
template <Dtype kCodes>
__global__ void __launch_bounds__(kThreads) expandKernel(uint4* to, const uint4* from, std::int64_t count) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= count) return;
  const uint4 codes = from[index];
  to[2 * index] = bf16OfCodes<kCodes>(make_uint2(codes.x, codes.y));
  to[2 * index + 1] = bf16OfCodes<kCodes>(make_uint2(codes.z, codes.w));
}

dim3 gridOf(std::int64_t threads) { return dim3(static_cast<unsigned>(divideUp(threads, kThreads))); }

template <Dtype kCodes>
void packFrom(CudaDevice& device, const Packed& packed, const View& w) {
  const PackShape s = {w.rows, w.cols, w.stride, packed.panels() * Packed::kLanes, operandStride(packed.k)};
  const auto kernel = w.dtype == Dtype::f32    ? packKernel<kCodes, Dtype::f32>
                      : w.dtype == Dtype::bf16 ? packKernel<kCodes, Dtype::bf16>
                                               : packKernel<kCodes, Dtype::f16>;
  cuda::launch(device, "linear.pack", gridOf(32 * s.packedRows), dim3(kThreads), 0, kernel, packed.data, packed.scales,
               static_cast<const void*>(w.data), s);
}

}  // namespace

void packCodes(CudaDevice& device, Packed packed, View w) {
  if (packed.dtype == Dtype::i8) return packFrom<Dtype::i8>(device, packed, w);
  packFrom<Dtype::f8>(device, packed, w);
}

void unpackCodes(CudaDevice& device, View w, Packed packed) {
  const UnpackShape s = {w.rows, packed.k, w.stride, operandStride(packed.k)};
  cuda::launch(device, "linear.unpack", gridOf(s.rows * s.cols), dim3(kThreads), 0,
               packed.dtype == Dtype::i8 ? unpackKernel<Dtype::i8> : unpackKernel<Dtype::f8>, w.f32(),
               static_cast<const void*>(packed.data), packed.scales, s);
}

void expandCodes(CudaDevice& device, const char* op, std::uint16_t* to, Packed w) {
  const std::int64_t count = w.n * operandStride(w.k) / 16;
  cuda::launch(device, op, gridOf(count), dim3(kThreads), 0,
               w.dtype == Dtype::i8 ? expandKernel<Dtype::i8> : expandKernel<Dtype::f8>, reinterpret_cast<uint4*>(to),
               reinterpret_cast<const uint4*>(w.codes()), count);
}

}  // namespace agl
