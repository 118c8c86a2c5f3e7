// Weights into row-major device memory and back, operands rounded to bf16, and sums of partial sums. All of it moves
// bytes: bound by memory.
#include "core/cuda.h"
#include "core/half.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

constexpr int kThreads = 256;

struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};
__device__ float widened(float value) { return value; }
__device__ float widened(Bf16 value) { return cuda::fromBf16(value.bits); }
__device__ float widened(F16 value) { return f16ToF32(value.bits); }

struct Source {
  std::int64_t rows, cols, stride;
};

// Eight columns of `from`, zero beyond it.
template <class Number>
__device__ void load8(float (&out)[8], const Number* from, Source s, std::int64_t row, std::int64_t column) {
  const Number* at = from + row * s.stride + column;
  for (int i = 0; i < 8; i++) out[i] = row < s.rows && column + i < s.cols ? widened(at[i]) : 0.0F;
}

// A thread rounds eight columns. kWhole: rows of f32 are 16-byte aligned and end on a multiple of eight.
template <class Number, bool kWhole>
__global__ void __launch_bounds__(kThreads)
    roundKernel(std::uint16_t* to, std::int64_t toRows, std::int64_t toStride, const Number* from, Source s, const float* scales) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t row = index / (toStride / 8), column = index % (toStride / 8) * 8;
  if (row >= toRows) return;
  float numbers[8] = {};
  if constexpr (kWhole) {
    if (row < s.rows && column < s.cols) {
      const float4* at = reinterpret_cast<const float4*>(from + row * s.stride + column);
      const float4 a = at[0], b = at[1];
      numbers[0] = a.x, numbers[1] = a.y, numbers[2] = a.z, numbers[3] = a.w;
      numbers[4] = b.x, numbers[5] = b.y, numbers[6] = b.z, numbers[7] = b.w;
    }
  } else {
    load8(numbers, from, s, row, column);
  }
  if (scales != nullptr) {
    for (int i = 0; i < 8 && column + i < s.cols; i++) numbers[i] = __fmul_rn(numbers[i], scales[column + i]);
  }
  *reinterpret_cast<uint4*>(to + row * toStride + column) =
      make_uint4(cuda::packBf16(numbers[0], numbers[1]), cuda::packBf16(numbers[2], numbers[3]),
                 cuda::packBf16(numbers[4], numbers[5]), cuda::packBf16(numbers[6], numbers[7]));
}

// to (toRows, s.cols), contiguous rows toStride apart.
template <class Number>
__global__ void __launch_bounds__(kThreads)
    widenKernel(float* to, std::int64_t toRows, std::int64_t toStride, const Number* from, Source s) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t row = index / s.cols, column = index % s.cols;
  if (row >= toRows) return;
  to[row * toStride + column] = row < s.rows ? widened(from[row * s.stride + column]) : 0.0F;
}

__global__ void __launch_bounds__(kThreads) sumKernel(float* c, const float* parts, Sums s) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t all = s.rows * s.columns;
  if (index >= all) return;
  float sum = 0;
  for (std::int64_t p = 0; p < s.count; p++) sum = __fadd_rn(sum, parts[p * all + index]);
  if (s.scales != nullptr) sum = __fmul_rn(sum, s.scales[index % s.columns]);
  float* at = c + index / s.columns * s.cRow + index % s.columns * s.cColumn;
  *at = s.add ? __fadd_rn(*at, sum) : sum;
}

dim3 gridOf(std::int64_t threads) { return dim3(static_cast<unsigned>(divideUp(threads, kThreads))); }

Source sourceOf(const View& v) { return {v.rows, v.cols, v.stride}; }

template <class Number, bool kWhole>
void roundAll(CudaDevice& device, const char* op, std::uint16_t* to, std::int64_t rows, const View& from, const float* scales) {
  const std::int64_t stride = operandStride(from.cols);
  cuda::launch(device, op, gridOf(rows * stride / 8), dim3(kThreads), 0, roundKernel<Number, kWhole>, to, rows, stride,
               static_cast<const Number*>(from.data), sourceOf(from), scales);
}

template <class Number>
void widenAll(CudaDevice& device, const char* op, float* to, std::int64_t rows, std::int64_t stride, const View& from) {
  cuda::launch(device, op, gridOf(rows * from.cols), dim3(kThreads), 0, widenKernel<Number>, to, rows, stride,
               static_cast<const Number*>(from.data), sourceOf(from));
}

}  // namespace

void roundRows(CudaDevice& device, const char* op, std::uint16_t* to, std::int64_t rows, View from, const float* scales) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(from.data) % 16 == 0 && from.stride % 4 == 0 && from.cols % 8 == 0;
  if (from.dtype == Dtype::bf16) roundAll<Bf16, false>(device, op, to, rows, from, scales);
  if (from.dtype == Dtype::f16) roundAll<F16, false>(device, op, to, rows, from, scales);
  if (from.dtype == Dtype::f32 && aligned) roundAll<float, true>(device, op, to, rows, from, scales);
  if (from.dtype == Dtype::f32 && !aligned) roundAll<float, false>(device, op, to, rows, from, scales);
}

void packOnCuda(CudaDevice& device, Packed packed, View w) {
  if (isCode(packed.dtype)) return packCodes(device, packed, w);
  const std::int64_t rows = packed.panels() * Packed::kLanes;
  if (packed.dtype == Dtype::bf16) return roundRows(device, "linear.pack", packed.bf16(), rows, w);
  if (w.dtype == Dtype::f32) widenAll<float>(device, "linear.pack", packed.f32(), rows, packed.k, w);
  if (w.dtype == Dtype::bf16) widenAll<Bf16>(device, "linear.pack", packed.f32(), rows, packed.k, w);
  if (w.dtype == Dtype::f16) widenAll<F16>(device, "linear.pack", packed.f32(), rows, packed.k, w);
}

void unpackOnCuda(CudaDevice& device, View w, Packed packed) {
  if (isCode(packed.dtype)) return unpackCodes(device, w, packed);
  const bool isBf16 = packed.dtype == Dtype::bf16;
  const View from = {packed.data, packed.dtype, w.rows, packed.k, isBf16 ? operandStride(packed.k) : packed.k};
  if (isBf16) return widenAll<Bf16>(device, "linear.unpack", w.f32(), w.rows, w.stride, from);
  widenAll<float>(device, "linear.unpack", w.f32(), w.rows, w.stride, from);
}

void sumParts(CudaDevice& device, const char* op, float* c, const float* parts, Sums sums) {
  cuda::launch(device, op, gridOf(sums.rows * sums.columns), dim3(kThreads), 0, sumKernel, c, parts, sums);
}

}  // namespace agl
