// Products in f32 by FMA: a thread holds TI x TJ chains, each over the steps ascending from +0. The bits of linear.h on
// any device. Bound by the multiprocessors' FMA and shared memory about equally.
#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

constexpr int kThreads = 128;
constexpr int kDepth = 8;  // steps of a tile

__device__ __forceinline__ int lesser(std::int64_t a, int b) { return a < b ? static_cast<int>(a) : b; }

// Which of an operand's indices runs through consecutive memory: the step, or the row.
enum class Along { steps, rows };

// c[i cRow + j cColumn] = (or += where `add`) sum over s of a(i,s) b(j,s). Blocks of `blockSteps` steps have sums apart,
// partStride numbers from one to the next.
struct Chains {
  std::int64_t rows, columns, steps;
  std::int64_t cRow, cColumn, aStride, bStride;
  std::int64_t blockSteps, partStride;
  bool add;
};

template <int I, int J, int Ti, int Tj>
struct ChainTile {
  static constexpr int kI = I, kJ = J, kTi = Ti, kTj = Tj;
  static_assert(I / Ti * (J / Tj) == kThreads);
  static constexpr int kPitchI = I + 4, kPitchJ = J + 4;  // numbers of a step in shared memory, 16-byte aligned
  static constexpr std::size_t kSharedBytes = 2 * kDepth * (kPitchI + kPitchJ) * sizeof(float);
};
using SquareTile = ChainTile<64, 128, 8, 8>;
using NarrowTile = ChainTile<16, 256, 4, 8>;

// A thread's numbers of one tile of an operand, kWidth rows by kDepth steps; zero where it has none.
template <Along kAlong, int kWidth>
struct Fetched {
  static constexpr int kCount = kWidth * kDepth / kThreads;
  static constexpr bool kSteps = kAlong == Along::steps;
  float numbers[kCount];

  __device__ static int row() { return static_cast<int>(threadIdx.x) / (kSteps ? kDepth : 1) % kWidth; }
  __device__ static int step() { return static_cast<int>(threadIdx.x) / (kSteps ? 1 : kWidth) % kDepth; }
  // Of number e, from there.
  __device__ static constexpr int rows(int e) { return kSteps ? e * kThreads / kDepth : e * kThreads % kWidth; }
  __device__ static constexpr int steps(int e) { return kSteps ? 0 : e * kThreads / kWidth; }

  // From the tile's first number on; `rowsLeft` and `stepsLeft` are there.
  __device__ void load(const float* tile, std::int64_t stride, int rowsLeft, int stepsLeft) {
    const float* const at = tile + (kSteps ? row() * stride + step() : step() * stride + row());
#pragma unroll
    for (int e = 0; e < kCount; e++) {
      const bool isThere = row() + rows(e) < rowsLeft && step() + steps(e) < stepsLeft;
      numbers[e] = isThere ? at[kSteps ? rows(e) * stride + steps(e) : steps(e) * stride + rows(e)] : 0.0F;
    }
  }
  __device__ void store(float* shared, int pitch) const {
    float* const at = shared + step() * pitch + row();
#pragma unroll
    for (int e = 0; e < kCount; e++) at[steps(e) * pitch + rows(e)] = numbers[e];
  }
};

// The numbers of one thread: groups of four, kWidth / groups apart, so that neighbours read neighbouring banks.
template <int kCount, int kWidth>
__device__ void loadFours(float (&out)[kCount], const float* step, int first) {
#pragma unroll
  for (int g = 0; g < kCount / 4; g++) {
    const float4 four = *reinterpret_cast<const float4*>(step + first + g * (kWidth * 4 / kCount));
    out[4 * g] = four.x, out[4 * g + 1] = four.y, out[4 * g + 2] = four.z, out[4 * g + 3] = four.w;
  }
}

template <class T>
__device__ void chainStep(float (&sums)[T::kTi][T::kTj], const float* a, const float* b, int firstI, int firstJ) {
  float left[T::kTi], right[T::kTj];
  loadFours<T::kTi, T::kI>(left, a, firstI);
  loadFours<T::kTj, T::kJ>(right, b, firstJ);
#pragma unroll
  for (int i = 0; i < T::kTi; i++) {
#pragma unroll
    for (int j = 0; j < T::kTj; j++) sums[i][j] = __fmaf_rn(left[i], right[j], sums[i][j]);
  }
}

// Grid: tiles of i times tiles of j, blocks of steps.
template <class T, Along kA, Along kB>
__global__ void __launch_bounds__(kThreads, 3) chainKernel(float* c, const float* a, const float* b, Chains p) {
  float* const shared = reinterpret_cast<float*>(cuda::sharedMemory());
  const std::int64_t tilesJ = (p.columns + T::kJ - 1) / T::kJ;
  const std::int64_t row = blockIdx.x / tilesJ * T::kI, column = blockIdx.x % tilesJ * T::kJ;
  const std::int64_t begin = blockIdx.y * p.blockSteps;
  const std::int64_t end = begin + p.blockSteps < p.steps ? begin + p.blockSteps : p.steps;
  constexpr int threadsJ = T::kJ / T::kTj;
  const int firstI = static_cast<int>(threadIdx.x) / threadsJ * 4, firstJ = static_cast<int>(threadIdx.x) % threadsJ * 4;

  const int rowsLeft = lesser(p.rows - row, T::kI), columnsLeft = lesser(p.columns - column, T::kJ);

  float sums[T::kTi][T::kTj] = {};
  Fetched<kA, T::kI> nextA;
  Fetched<kB, T::kJ> nextB;
  const float* tileA = a + (kA == Along::steps ? row * p.aStride + begin : begin * p.aStride + row);
  const float* tileB = b + (kB == Along::steps ? column * p.bStride + begin : begin * p.bStride + column);
  nextA.load(tileA, p.aStride, rowsLeft, lesser(end - begin, kDepth));
  nextB.load(tileB, p.bStride, columnsLeft, lesser(end - begin, kDepth));
  float* now = shared;
  float* other = shared + kDepth * (T::kPitchI + T::kPitchJ);
  for (std::int64_t left = end - begin; left > 0; left -= kDepth) {
    float* const nowB = now + kDepth * T::kPitchI;
    nextA.store(now, T::kPitchI);
    nextB.store(nowB, T::kPitchJ);
    __syncthreads();
    if (left > kDepth) {
      tileA += kA == Along::steps ? kDepth : kDepth * p.aStride;
      tileB += kB == Along::steps ? kDepth : kDepth * p.bStride;
      nextA.load(tileA, p.aStride, rowsLeft, lesser(left - kDepth, kDepth));
      nextB.load(tileB, p.bStride, columnsLeft, lesser(left - kDepth, kDepth));
    }
    if (left >= kDepth) {
#pragma unroll
      for (int s = 0; s < kDepth; s++) {
        chainStep<T>(sums, now + s * T::kPitchI, nowB + s * T::kPitchJ, firstI, firstJ);
      }
    } else {  // a step of zeros could turn -0 into +0
      for (int s = 0; s < left; s++) {
        chainStep<T>(sums, now + s * T::kPitchI, nowB + s * T::kPitchJ, firstI, firstJ);
      }
    }
    float* const done = now;
    now = other;
    other = done;
  }

  float* const out = c + blockIdx.y * p.partStride + (row + firstI) * p.cRow + (column + firstJ) * p.cColumn;
#pragma unroll
  for (int i = 0; i < T::kTi; i++) {
    const int r = i % 4 + i / 4 * (T::kI * 4 / T::kTi);
    if (firstI + r >= rowsLeft) continue;
#pragma unroll
    for (int j = 0; j < T::kTj; j++) {
      const int n = j % 4 + j / 4 * (T::kJ * 4 / T::kTj);
      if (firstJ + n >= columnsLeft) continue;
      float* const at = out + r * p.cRow + n * p.cColumn;
      *at = p.add ? __fadd_rn(*at, sums[i][j]) : sums[i][j];
    }
  }
}

template <class T, Along kA, Along kB>
void runTiles(CudaDevice& device, const char* op, float* c, const float* a, const float* b, const Chains& p) {
  const dim3 grid(static_cast<unsigned>(divideUp(p.rows, T::kI) * divideUp(p.columns, T::kJ)),
                  static_cast<unsigned>(divideUp(p.steps, p.blockSteps)));
  cuda::launch(device, op, grid, dim3(kThreads), T::kSharedBytes, chainKernel<T, kA, kB>, c, a, b, p);
}

template <Along kA, Along kB>
void runChains(CudaDevice& device, const char* op, float* c, const float* a, const float* b, const Chains& p) {
  if (p.rows <= NarrowTile::kI) return runTiles<NarrowTile, kA, kB>(device, op, c, a, b, p);
  runTiles<SquareTile, kA, kB>(device, op, c, a, b, p);
}

}  // namespace

void forwardF32(CudaDevice& device, View y, View x, Packed w) {
  runChains<Along::steps, Along::steps>(device, "linear.forward", y.f32(), x.f32(), w.f32(),
                                        {x.rows, w.n, w.k, y.stride, 1, x.stride, w.k, w.k, 0, false});
}

void backwardInputF32(CudaDevice& device, View dx, View dy, Packed w) {
  runChains<Along::steps, Along::rows>(device, "linear.backwardInput", dx.f32(), dy.f32(), w.f32(),
                                       {dy.rows, w.k, w.n, dx.stride, 1, dy.stride, w.k, w.n, 0, true});
}

// The shorter side of dw is i: gradients of LoRA have one of 16.
void backwardWeightF32(CudaDevice& device, View dw, View dy, View x) {
  const char* op = "linear.backwardWeight";
  const bool swap = dw.cols < dw.rows;
  const View& a = swap ? x : dy;
  const View& b = swap ? dy : x;
  const std::int64_t cRow = swap ? 1 : dw.stride, cColumn = swap ? dw.stride : 1;
  const RowBlocks blocks = weightRowBlocks(x.rows, dw.rows, dw.cols);
  Chains p = {a.cols, b.cols, x.rows, cRow, cColumn, a.stride, b.stride, blocks.rows, 0, true};
  if (blocks.count == 0) return;
  if (blocks.count == 1) return runChains<Along::rows, Along::rows>(device, op, dw.f32(), a.f32(), b.f32(), p);
  auto* const parts = static_cast<float*>(device.scratch(weightScratchBytes(x.rows, dw.rows, dw.cols)));
  if (parts == nullptr) return;
  p.cRow = b.cols, p.cColumn = 1, p.partStride = a.cols * b.cols, p.add = false;
  runChains<Along::rows, Along::rows>(device, op, parts, a.f32(), b.f32(), p);
  sumParts(device, op, dw.f32(), parts, {cRow, cColumn, a.cols, b.cols, blocks.count, true});
}

}  // namespace agl
