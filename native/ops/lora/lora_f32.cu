// lora.h in f32: a thread has four chains of one output, so the bits of linear.h on any device.
#include "core/cuda.h"
#include "ops/lora/lora_cuda.cuh"

namespace agl::lora {
namespace {

struct Chains {
  static constexpr int kThreads = 128, kMaxThreads = kThreads, kRows = 16, kOutputs = 32;
  static constexpr int kOwnRows = kRows * kOutputs / kThreads;
  static constexpr int kSteps = 32, kPitch = kSteps + 1;  // numbers of a row in shared memory
  static constexpr std::size_t kSharedBytes = (kRows + kOutputs) * kPitch * sizeof(float);
};

// Rows [first, first + kRows) and columns [k, k + kSteps) of `from`, zero beyond it.
template <int kRows>
__device__ __forceinline__ void loadTile(float* to, const float* from, int stride, int first, int rows, int k, int columns) {
  for (int i = static_cast<int>(threadIdx.x); i < kRows * Chains::kSteps; i += Chains::kThreads) {
    const int row = i / Chains::kSteps, column = i % Chains::kSteps;
    const bool isThere = first + row < rows && k + column < columns;
    to[row * Chains::kPitch + column] = isThere ? from[static_cast<std::int64_t>(first + row) * stride + k + column] : 0.0F;
  }
}

// Grid: the tasks' blocks, one task after another.
template <Step kStep>
__global__ void __launch_bounds__(Chains::kThreads) chainKernel(const Entry* entries, const int* firsts, int count) {
  const int task = taskOfBlock(firsts, count), block = static_cast<int>(blockIdx.x) - firsts[task];
  const float scale = entries[task].scale;
  const Side s(entries[task], kStep);
  const int tiles = parts(s.outputs, Chains::kOutputs);
  const int firstRow = block / tiles * Chains::kRows, firstOutput = block % tiles * Chains::kOutputs;
  float* const x = reinterpret_cast<float*>(cuda::sharedMemory());
  float* const w = x + Chains::kRows * Chains::kPitch;
  const int own = static_cast<int>(threadIdx.x) % Chains::kOutputs;
  const int ownRow = static_cast<int>(threadIdx.x) / Chains::kOutputs * Chains::kOwnRows;
  float sums[Chains::kOwnRows] = {};
  for (int k = 0; k < s.k; k += Chains::kSteps) {
    loadTile<Chains::kRows>(x, s.x, s.xStride, firstRow, s.rows, k, s.k);
    loadTile<Chains::kOutputs>(w, static_cast<const float*>(s.w), s.k, firstOutput, s.outputs, k, s.k);
    __syncthreads();
    const int steps = s.k - k < Chains::kSteps ? s.k - k : Chains::kSteps;  // one of zeros could turn -0 into +0
    for (int step = 0; step < steps; step++) {
      const float weight = w[own * Chains::kPitch + step];
#pragma unroll
      for (int r = 0; r < Chains::kOwnRows; r++) {
        sums[r] = __fmaf_rn(x[(ownRow + r) * Chains::kPitch + step], weight, sums[r]);
      }
    }
    __syncthreads();
  }
  for (int r = 0; r < Chains::kOwnRows; r++) {
    const int row = firstRow + ownRow + r, n = firstOutput + own;
    if (row < s.rows && n < s.outputs) s.write<kStep>(row, n, sums[r], scale);
  }
}

}  // namespace

void forwardF32(CudaDevice& device, std::span<const LoraTask> tasks) {
  runBoth<Chains, Chains>(device, tasks, chainKernel<Step::down>, chainKernel<Step::up>);
}

}  // namespace agl::lora
