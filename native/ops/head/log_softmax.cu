#include "ops/head/log_softmax.h"

#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/head/log_softmax.cuh"

namespace agl {
namespace {

using cuda::kTileThreads;

constexpr int kWarps = 4;  // rows of a block

__global__ void resetRows(float* stats, std::int64_t stride, std::int64_t rows) {
  const std::int64_t row = std::int64_t{blockIdx.x} * kTileThreads + threadIdx.x;
  if (row >= rows) return;
  stats[row * stride] = cuda::kNone;
  stats[row * stride + 1] = 0.0F;
  stats[row * stride + 2] = 0.0F;
}

__global__ void accumulateRows(float* stats, std::int64_t strideStats, const float* logits, std::int64_t strideLogits,
                               std::int64_t rows, int cols, float inverseTemperature) {
  const std::int64_t row = cuda::warpOfGrid();
  if (row >= rows) return;
  const cuda::BlockStatistics block = cuda::blockStatistics(logits + row * strideLogits, cols, inverseTemperature);
  if (cuda::threadOfWarp() == 0) cuda::mergeStatistics(stats + row * strideStats, block);
}

__global__ void pickTargets(float* picked, const float* logits, std::int64_t stride, std::int64_t cols,
                            const std::int32_t* rows, const std::int32_t* tokens, std::int64_t count, std::int64_t begin) {
  const std::int64_t target = std::int64_t{blockIdx.x} * kTileThreads + threadIdx.x;
  if (target >= count) return;
  const std::int64_t row = rows[target], column = tokens[target] - begin;
  if (row >= 0 && column >= 0 && column < cols) picked[target] = logits[row * stride + column];
}

__global__ void slopes(float* dlogits, std::int64_t strideDlogits, const float* logits, std::int64_t strideLogits,
                       const float* stats, std::int64_t strideStats, const float* g, const float* h, std::int64_t cols,
                       float inverseTemperature) {
  auto* shared = reinterpret_cast<float*>(cuda::sharedMemory());
  const std::int64_t row = cuda::rowOfTile(cols);
  stats += row * strideStats;
  if (threadIdx.x == 0) {
    shared[0] = cuda::logOf(stats[1]);
    shared[1] = shared[0] - stats[2] / stats[1];
  }
  __syncthreads();
  const float most = stats[0], logSum = shared[0], rowEntropy = shared[1], rowG = g[row], rowH = h[row];
  dlogits += row * strideDlogits;
  logits += row * strideLogits;
  cuda::eachColumn(
      cols,
      [&](std::int64_t c) {
        const float logp = (logits[c] * inverseTemperature - most) - logSum;
        const float surprise = cuda::largestOf(cuda::kLeastLogProbability, logp) + rowEntropy;
        return -inverseTemperature * (cuda::exp(logp) * (rowG + rowH * surprise));
      },
      [&](std::int64_t c, float slope) { dlogits[c] = slope; });
}

// The first of a row's equal targets adds all of them, ascending.
__global__ void addTargets(float* dlogits, std::int64_t stride, std::int64_t cols, const float* g, const std::int32_t* rows,
                           const std::int32_t* tokens, std::int64_t count, std::int64_t begin, float inverseTemperature) {
  const std::int64_t target = std::int64_t{blockIdx.x} * kTileThreads + threadIdx.x;
  if (target >= count) return;
  const std::int64_t row = rows[target], column = tokens[target] - begin;
  if (row < 0 || column < 0 || column >= cols) return;
  for (std::int64_t t = target - 1; t >= 0 && rows[t] == row; t--) {
    if (tokens[t] == tokens[target]) return;
  }
  float* at = dlogits + row * stride + column;
  for (std::int64_t t = target; t < count && rows[t] == row; t++) {
    if (tokens[t] == tokens[target]) *at = *at + inverseTemperature * g[t];
  }
}

void reset(Context& ctx, View stats) {
  cuda::launch(cudaDevice(ctx), "logSoftmax.reset", cuda::blocksOf(stats.rows, kTileThreads), kTileThreads, 0, resetRows,
               stats.f32(), stats.stride, stats.rows);
}

void accumulate(Context& ctx, View stats, View logits, float inverseTemperature) {
  cuda::launch(cudaDevice(ctx), "logSoftmax.accumulate", cuda::blocksOf(logits.rows, kWarps), kWarps * cuda::kWarp, 0,
               accumulateRows, stats.f32(), stats.stride, logits.f32(), logits.stride, logits.rows,
               static_cast<int>(logits.cols), inverseTemperature);
}

void pick(Context& ctx, float* logits_T, View logits, const Targets& targets, std::int64_t begin) {
  cuda::launch(cudaDevice(ctx), "logSoftmax.pick", cuda::blocksOf(targets.count, kTileThreads), kTileThreads, 0, pickTargets,
               logits_T, logits.f32(), logits.stride, logits.cols, targets.rows, targets.tokens, targets.count, begin);
}

void backward(Context& ctx, View dlogits, View logits, View stats, const float* g, const float* h, float inverseTemperature) {
  cuda::launch(cudaDevice(ctx), "logSoftmax.backward", cuda::tilesOf(logits.rows, logits.cols), kTileThreads,
               2 * sizeof(float), slopes, dlogits.f32(), dlogits.stride, logits.f32(), logits.stride, stats.f32(),
               stats.stride, g, h, logits.cols, inverseTemperature);
}

void addAt(Context& ctx, View dlogits, const float* g_T, const Targets& targets, std::int64_t begin,
           float inverseTemperature) {
  cuda::launch(cudaDevice(ctx), "logSoftmax.addAt", cuda::blocksOf(targets.count, kTileThreads), kTileThreads, 0, addTargets,
               dlogits.f32(), dlogits.stride, dlogits.cols, g_T, targets.rows, targets.tokens, targets.count, begin,
               inverseTemperature);
}

}  // namespace

const LogSoftmax kCudaLogSoftmax = {reset, accumulate, pick, backward, addAt};

}  // namespace agl
