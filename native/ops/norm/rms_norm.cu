// RMSNorm on a CUDA device: a warp holds a row. dw is summed in an order of its own: row r in the chain r mod 32 of its
// column, then the chains by one fixed tree.
#include "core/lanes.cuh"
#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/norm/rms_norm.h"

namespace agl {
namespace {

using namespace cuda;

constexpr int kWarps = 4;        // rows of a block
constexpr int kWeightRows = 32;  // chains of a column of dw

__global__ void normRows(float* y, std::int64_t strideY, float* rstd, const float* x, std::int64_t strideX, const float* w,
                         std::int64_t rows, int cols, float eps) {
  const std::int64_t row = warpOfGrid();
  if (row >= rows) return;
  y += row * strideY;
  x += row * strideX;
  const float squares = sumLanes(foldLanes(
      0.0F, cols, 0.0F, [&](int c) { return x[c]; }, [](float sum, float a) { return __fmaf_rn(a, a, sum); }));
  const float scale = 1.0F / __fsqrt_rn(squares / static_cast<float>(cols) + eps);
  for (int c = threadOfWarp(); c < cols; c += kWarp) y[c] = w[c] * (x[c] * scale);
  if (threadOfWarp() == 0) rstd[row] = scale;
}

__global__ void normRowsBackward(float* dx, std::int64_t strideDx, const float* dy, std::int64_t strideDy, const float* x,
                                 std::int64_t strideX, const float* w, const float* rstd, std::int64_t rows, int cols) {
  const std::int64_t row = warpOfGrid();
  if (row >= rows) return;
  dx += row * strideDx;
  dy += row * strideDy;
  x += row * strideX;
  const float products = sumLanes(foldLanes(
      0.0F, cols, make_float2(0.0F, 0.0F), [&](int c) { return make_float2(w[c] * dy[c], x[c]); },
      [](float sum, float2 a) { return __fmaf_rn(a.x, a.y, sum); }));
  const float scale = rstd[row];
  const float pull = scale * scale * (products / static_cast<float>(cols));
  for (int c = threadOfWarp(); c < cols; c += kWarp) dx[c] = dx[c] + scale * (w[c] * dy[c] - x[c] * pull);
}

// A block of 32 columns by 32 chains.
__global__ void weightBackward(float* dw, const float* dy, std::int64_t strideDy, const float* x, std::int64_t strideX,
                               const float* rstd, std::int64_t rows, int cols) {
  float* sums = reinterpret_cast<float*>(sharedMemory());
  const int column = static_cast<int>(blockIdx.x) * kWarp + static_cast<int>(threadIdx.x);
  const int chain = static_cast<int>(threadIdx.y);
  float sum = 0.0F;
  for (std::int64_t r = chain; r < rows && column < cols; r += kWeightRows) {
    sum = sum + dy[r * strideDy + column] * (x[r * strideX + column] * rstd[r]);
  }
  float* mine = sums + chain * kWarp + threadIdx.x;
  *mine = sum;
  for (int width = kWeightRows / 2; width > 0; width /= 2) {
    __syncthreads();
    if (chain < width) *mine = *mine + mine[width * kWarp];
  }
  if (chain == 0 && column < cols) dw[column] = dw[column] + *mine;
}

void forward(Context& ctx, View y, View rstd, View x, View w, float eps) {
  launch(cudaDevice(ctx), "rmsNorm.forward", blocksOf(x.rows, kWarps), dim3(kWarps * kWarp), 0, normRows, y.f32(), y.stride,
         rstd.f32(), x.f32(), x.stride, w.f32(), x.rows, static_cast<int>(x.cols), eps);
}

void backward(Context& ctx, View dx, View dw, View dy, View x, View w, View rstd) {
  const int cols = static_cast<int>(x.cols);
  launch(cudaDevice(ctx), "rmsNorm.backward", blocksOf(x.rows, kWarps), dim3(kWarps * kWarp), 0, normRowsBackward, dx.f32(),
         dx.stride, dy.f32(), dy.stride, x.f32(), x.stride, w.f32(), rstd.f32(), x.rows, cols);
  if (dw.data == nullptr || x.rows == 0) return;
  launch(cudaDevice(ctx), "rmsNorm.backward dw", blocksOf(cols, kWarp), dim3(kWarp, kWeightRows),
         sizeof(float) * kWarp * kWeightRows, weightBackward, dw.f32(), dy.f32(), dy.stride, x.f32(), x.stride, rstd.f32(),
         x.rows, cols);
}

}  // namespace

const RmsNorm kCudaRmsNorm = {forward, backward};

}  // namespace agl
