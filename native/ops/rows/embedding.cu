#include "core/half.h"
#include "core/lanes.cuh"
#include "core/row_tiles.cuh"
#include "ops/cuda.h"
#include "ops/rows/embedding.h"

namespace agl {
namespace {

constexpr int kThreads = 256;
constexpr int kListed = 1024;  // rows of one token, gathered before they are added

template <Dtype dtype>
__global__ void copyRows(float* x, std::int64_t strideX, const void* e, std::int64_t strideE, const std::int32_t* tokens,
                         std::int64_t cols) {
  const std::int64_t row = cuda::rowOfTile(cols);
  x += row * strideX;
  const std::int64_t from = tokens[row] * strideE;
  const float* wide = static_cast<const float*>(e) + from;
  const std::uint16_t* narrow = static_cast<const std::uint16_t*>(e) + from;
  cuda::eachColumn(
      cols,
      [&](std::int64_t c) {
        if constexpr (dtype == Dtype::f32) return wide[c];
        if constexpr (dtype == Dtype::bf16) return bf16ToF32(narrow[c]);
        return f16ToF32(narrow[c]);
      },
      [&](std::int64_t c, float value) { x[c] = value; });
}

// The first row of a token adds all of that token's, ascending; the blocks of its other rows do nothing.
__global__ void addRowsOfToken(float* de, std::int64_t strideDe, const float* dx, std::int64_t strideDx,
                               const std::int32_t* tokens, std::int64_t rows, std::int64_t cols) {
  auto* counts = reinterpret_cast<int*>(cuda::sharedMemory());  // of each warp, then the number listed
  auto* listed = counts + kThreads / cuda::kWarp + 1;
  const std::int64_t own = blockIdx.x;
  const std::int32_t token = tokens[own];
  const int thread = static_cast<int>(threadIdx.x), warp = thread / cuda::kWarp;
  int* total = counts + kThreads / cuda::kWarp;
  if (thread == 0) *total = 0;
  __syncthreads();
  bool isLater = false;
  for (std::int64_t r = thread; r < own; r += kThreads) isLater = isLater || tokens[r] == token;
  if (isLater) atomicAdd(total, 1);
  __syncthreads();
  if (*total > 0) return;
  const auto addListed = [&](int count) {
    for (std::int64_t c = thread; c < cols; c += kThreads) {
      float sum = de[token * strideDe + c];
      for (int i = 0; i < count; i++) sum = sum + dx[listed[i] * strideDx + c];
      de[token * strideDe + c] = sum;
    }
  };
  int count = 0;
  for (std::int64_t begin = own; begin < rows; begin += kThreads) {
    const std::int64_t r = begin + thread;
    const bool same = r < rows && tokens[r] == token;
    const unsigned votes = __ballot_sync(cuda::kWholeWarp, same);
    if (thread % cuda::kWarp == 0) counts[warp] = __popc(votes);
    __syncthreads();
    int place = count + __popc(votes & ((1U << (thread % cuda::kWarp)) - 1U));
    for (int w = 0; w < kThreads / cuda::kWarp; w++) {
      if (w < warp) place += counts[w];
      count += counts[w];
    }
    if (same) listed[place] = static_cast<int>(r);
    __syncthreads();
    if (count > kListed - kThreads) {
      addListed(count);
      count = 0;
      __syncthreads();
    }
  }
  addListed(count);
}

void copy(Context& ctx, View x, View e, const std::int32_t* tokens) {
  const auto kernel = e.dtype == Dtype::bf16  ? copyRows<Dtype::bf16>
                      : e.dtype == Dtype::f16 ? copyRows<Dtype::f16>
                                              : copyRows<Dtype::f32>;
  cuda::launch(cudaDevice(ctx), "embedding.forward", cuda::tilesOf(x.rows, x.cols), cuda::kTileThreads, 0, kernel, x.f32(),
               x.stride, e.data, e.stride, tokens, x.cols);
}

// Packed weights are plain rows here (core/view.h).
void copyPacked(Context& ctx, View x, Packed e, const std::int32_t* tokens) {
  const std::int64_t stride = e.panelElements() / Packed::kLanes;
  copy(ctx, x, {e.data, e.dtype, e.n, e.k, stride}, tokens);
}

void backward(Context& ctx, View de, View dx, const std::int32_t* tokens) {
  const std::size_t shared = sizeof(int) * (kListed + kThreads / cuda::kWarp + 1);
  cuda::launch(cudaDevice(ctx), "embedding.backward", cuda::blocksOf(dx.rows, 1), kThreads, shared, addRowsOfToken,
               de.f32(), de.stride, dx.f32(), dx.stride, tokens, dx.rows, dx.cols);
}

}  // namespace

const Embedding kCudaEmbedding = {copy, copyPacked, backward};

}  // namespace agl
