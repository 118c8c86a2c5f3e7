#include "core/cuda.h"
#include "ops/cuda.h"
#include "ops/rows/elementwise.h"

namespace agl {
namespace {

constexpr unsigned kThreads = 256;
constexpr unsigned kMaxGridRows = 65535;

// y[r,c] = y[r,c] + s x[r,c] in pieces of W columns; x of a bias has row stride 0. Multiplying by 1 changes no bit.
template <int W>
__global__ void __launch_bounds__(kThreads)
    addRows(float* y, std::int64_t yStride, const float* x, std::int64_t xStride, float s, std::int64_t rows,
            std::int64_t cols) {
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * W;
  if (c >= cols) return;
  for (std::int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    float* to = y + r * yStride + c;
    const float* from = x + r * xStride + c;
    if constexpr (W == 4) {
      float4 a = *reinterpret_cast<const float4*>(to);
      const float4 b = *reinterpret_cast<const float4*>(from);
      a.x = __fadd_rn(a.x, __fmul_rn(s, b.x));
      a.y = __fadd_rn(a.y, __fmul_rn(s, b.y));
      a.z = __fadd_rn(a.z, __fmul_rn(s, b.z));
      a.w = __fadd_rn(a.w, __fmul_rn(s, b.w));
      *reinterpret_cast<float4*>(to) = a;
    } else {
      *to = __fadd_rn(*to, __fmul_rn(s, *from));
    }
  }
}

// One thread for a column; eight rows are read ahead of the chain.
__global__ void __launch_bounds__(kThreads)
    sumColumns(float* db, const float* dy, std::int64_t dyStride, std::int64_t rows, std::int64_t cols) {
  constexpr int ahead = 8;
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= cols) return;
  float sum = db[c];
  std::int64_t r = 0;
  for (; r + ahead <= rows; r += ahead) {
    float terms[ahead];
    for (int i = 0; i < ahead; i++) terms[i] = dy[(r + i) * dyStride + c];
    for (int i = 0; i < ahead; i++) sum = __fadd_rn(sum, terms[i]);
  }
  for (; r < rows; r++) sum = __fadd_rn(sum, dy[r * dyStride + c]);
  db[c] = sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    keepRows(T* y, std::int64_t yStride, const float* x, std::int64_t xStride, const std::int32_t* slots,
             std::int64_t rows, std::int64_t cols) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= cols) return;
  for (std::int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    const std::int64_t slot = slots == nullptr ? r : slots[r];
    const float value = x[r * xStride + c];
    if constexpr (sizeof(T) == sizeof(float)) {
      y[slot * yStride + c] = value;
    } else {
      y[slot * yStride + c] = cuda::toBf16(value);
    }
  }
}

dim3 gridOf(std::int64_t rows, std::int64_t columns) {
  return {static_cast<unsigned>((columns + kThreads - 1) / kThreads),
          static_cast<unsigned>(rows < kMaxGridRows ? rows : kMaxGridRows)};
}

bool inFours(const float* data, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % 4 == 0;
}

void addScaledRows(Context& ctx, const char* op, View y, View x, std::int64_t xStride, float s) {
  const bool fours = y.cols % 4 == 0 && inFours(y.f32(), y.stride) && inFours(x.f32(), xStride);
  cuda::launch(cudaDevice(ctx), op, gridOf(y.rows, fours ? y.cols / 4 : y.cols), kThreads, 0,
               fours ? addRows<4> : addRows<1>, y.f32(), y.stride, x.f32(), xStride, s, y.rows, y.cols);
}

void add(Context& ctx, View y, View x) { addScaledRows(ctx, "add", y, x, x.stride, 1.0F); }
void addScaled(Context& ctx, View y, View x, float s) { addScaledRows(ctx, "addScaled", y, x, x.stride, s); }
void addBias(Context& ctx, View y, View b) { addScaledRows(ctx, "addBias", y, b, 0, 1.0F); }

void sumRows(Context& ctx, View db, View dy) {
  constexpr unsigned threads = 64;  // columns are few, processors many
  const dim3 grid(static_cast<unsigned>((dy.cols + threads - 1) / threads));
  cuda::launch(cudaDevice(ctx), "sumRows", grid, threads, 0, sumColumns, db.f32(), dy.f32(), dy.stride, dy.rows, dy.cols);
}

void keep(Context& ctx, View y, View x, const std::int32_t* slots) {
  const dim3 grid = gridOf(x.rows, x.cols);
  if (y.dtype == Dtype::bf16) {
    cuda::launch(cudaDevice(ctx), "keep", grid, kThreads, 0, keepRows<std::uint16_t>, static_cast<std::uint16_t*>(y.data),
                 y.stride, x.f32(), x.stride, slots, x.rows, x.cols);
  } else {
    cuda::launch(cudaDevice(ctx), "keep", grid, kThreads, 0, keepRows<float>, y.f32(), y.stride, x.f32(), x.stride, slots,
                 x.rows, x.cols);
  }
}

}  // namespace

const Elementwise kCudaElementwise = {add, addScaled, addBias, sumRows, keep};

}  // namespace agl
