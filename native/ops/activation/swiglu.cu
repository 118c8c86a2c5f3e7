#include "core/elementary.cuh"
#include "core/row_tiles.cuh"
#include "ops/activation/swiglu.h"
#include "ops/cuda.h"

namespace agl {
namespace {

__device__ float sigmoid(float x) { return 1.0F / (1.0F + cuda::exp(0.0F - x)); }

__global__ void activate(float* y, std::int64_t strideY, const float* gate, std::int64_t strideGate, const float* up,
                         std::int64_t strideUp, std::int64_t cols) {
  const std::int64_t row = cuda::rowOfTile(cols);
  y += row * strideY;
  gate += row * strideGate;
  up += row * strideUp;
  cuda::eachColumn(
      cols, [&](std::int64_t c) { return gate[c] * sigmoid(gate[c]) * up[c]; },
      [&](std::int64_t c, float value) { y[c] = value; });
}

__global__ void activateBackward(float* dgate, std::int64_t strideDgate, float* dup, std::int64_t strideDup, const float* dy,
                                 std::int64_t strideDy, const float* gate, std::int64_t strideGate, const float* up,
                                 std::int64_t strideUp, std::int64_t cols) {
  const std::int64_t row = cuda::rowOfTile(cols);
  dgate += row * strideDgate;
  dup += row * strideDup;
  dy += row * strideDy;
  gate += row * strideGate;
  up += row * strideUp;
  cuda::eachColumn(
      cols,
      [&](std::int64_t c) {
        const float g = gate[c], d = dy[c], s = sigmoid(g);
        const float slope = s * (1.0F + g * (1.0F - s));
        return make_float2(dgate[c] + d * up[c] * slope, dup[c] + d * (g * s));
      },
      [&](std::int64_t c, float2 sums) {
        dgate[c] = sums.x;
        dup[c] = sums.y;
      });
}

void forward(Context& ctx, View y, View gate, View up) {
  cuda::launch(cudaDevice(ctx), "swiglu.forward", cuda::tilesOf(y.rows, y.cols), cuda::kTileThreads, 0, activate, y.f32(),
               y.stride, gate.f32(), gate.stride, up.f32(), up.stride, y.cols);
}

void backward(Context& ctx, View dgate, View dup, View dy, View gate, View up) {
  cuda::launch(cudaDevice(ctx), "swiglu.backward", cuda::tilesOf(dy.rows, dy.cols), cuda::kTileThreads, 0, activateBackward,
               dgate.f32(), dgate.stride, dup.f32(), dup.stride, dy.f32(), dy.stride, gate.f32(), gate.stride, up.f32(),
               up.stride, dy.cols);
}

}  // namespace

const Swiglu kCudaSwiglu = {forward, backward};

}  // namespace agl
