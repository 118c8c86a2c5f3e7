#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/rows/rows.h"

namespace agl {
namespace {

__global__ void gatherRows(float* y, std::int64_t strideY, const float* x, std::int64_t strideX, const std::int32_t* rows,
                           std::int64_t cols) {
  const std::int64_t row = cuda::rowOfTile(cols);
  const float* from = x + rows[row] * strideX;
  cuda::eachColumn(
      cols, [&](std::int64_t c) { return from[c]; }, [&](std::int64_t c, float value) { y[row * strideY + c] = value; });
}

// A block looks its row up among the ascending ones.
__global__ void scatterRows(float* y, std::int64_t strideY, const float* x, std::int64_t strideX, const std::int32_t* rows,
                            std::int64_t count, std::int64_t cols) {
  const std::int64_t row = cuda::rowOfTile(cols);
  std::int64_t first = 0;  // of the numbers not below the row's
  for (std::int64_t rest = count; rest > 0;) {
    const std::int64_t half = rest / 2;
    const bool isBelow = rows[first + half] < row;
    first = isBelow ? first + half + 1 : first;
    rest = isBelow ? rest - half - 1 : half;
  }
  const bool isThere = first < count && rows[first] == row;
  cuda::eachColumn(
      cols, [&](std::int64_t c) { return isThere ? x[first * strideX + c] : 0.0F; },
      [&](std::int64_t c, float value) { y[row * strideY + c] = value; });
}

void gather(Context& ctx, View y, View x, std::span<const std::int32_t> rows) {
  const auto count = static_cast<std::int64_t>(rows.size());
  cuda::launch(cudaDevice(ctx), "rows.gather", cuda::tilesOf(count, y.cols), cuda::kTileThreads, 0, gatherRows, y.f32(),
               y.stride, x.f32(), x.stride, rows.data(), y.cols);
}

void scatter(Context& ctx, View y, View x, std::span<const std::int32_t> rows) {
  cuda::launch(cudaDevice(ctx), "rows.scatter", cuda::tilesOf(y.rows, y.cols), cuda::kTileThreads, 0, scatterRows, y.f32(),
               y.stride, x.f32(), x.stride, rows.data(), static_cast<std::int64_t>(rows.size()), y.cols);
}

}  // namespace

const RowMoves kCudaRowMoves = {gather, scatter};

}  // namespace agl
