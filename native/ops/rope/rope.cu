#include "core/cuda.h"
#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/rope/rope.h"

namespace agl {
namespace {

// Columns of a tile are pairs: pair p of a row is pair p mod half of its head.
__global__ void rotatePairs(float* x, std::int64_t strideX, const float* cosines, std::int64_t strideCos, const float* sines,
                            std::int64_t strideSin, const std::int32_t* positions, std::int64_t pairs, int half, float sign) {
  const std::int64_t row = cuda::rowOfTile(pairs);
  const std::int64_t position = positions[row];
  x += row * strideX;
  cosines += position * strideCos;
  sines += position * strideSin;
  const auto firstOf = [&](std::int64_t pair) {
    const int head = static_cast<int>(pair) / half;
    return x + pair + std::int64_t{head} * half;
  };
  cuda::eachColumn(
      pairs,
      [&](std::int64_t pair) {
        const int i = static_cast<int>(pair) % half;
        const float a = *firstOf(pair), b = firstOf(pair)[half];
        const float c = cosines[i], s = sines[i] * sign;
        return make_float2(a * c - b * s, b * c + a * s);
      },
      [&](std::int64_t pair, float2 rotated) {
        *firstOf(pair) = rotated.x;
        firstOf(pair)[half] = rotated.y;
      });
}

void rotate(Context& ctx, const char* op, View x, View cosines, View sines, const std::int32_t* positions,
            std::int64_t headSize, float sign) {
  const std::int64_t pairs = x.cols / 2;
  cuda::launch(cudaDevice(ctx), op, cuda::tilesOf(x.rows, pairs), cuda::kTileThreads, 0, rotatePairs, x.f32(), x.stride,
               cosines.f32(), cosines.stride, sines.f32(), sines.stride, positions, pairs, static_cast<int>(headSize / 2),
               sign);
}

void forward(Context& ctx, View x, View cos, View sin, const std::int32_t* positions, std::int64_t headSize) {
  rotate(ctx, "rope.forward", x, cos, sin, positions, headSize, 1.0F);
}

void backward(Context& ctx, View dx, View cos, View sin, const std::int32_t* positions, std::int64_t headSize) {
  rotate(ctx, "rope.backward", dx, cos, sin, positions, headSize, -1.0F);
}

}  // namespace

const Rope kCudaRope = {forward, backward};

}  // namespace agl
