// Forward of at most 16 rows in bf16: what decoding does. Bound by reading the weights once. A warp streams its outputs'
// rows of its own pieces of K through a ring in shared memory that no other warp touches; x goes from memory to fragments,
// rounded on the way; codes of weights become bf16 in registers. The same instructions in the same order as linear_mma.cu, so the
// same bits.
#include "core/cuda.h"
#include "ops/linear/linear_codes.cuh"
#include "ops/linear/linear_cuda.h"
#include "ops/linear/linear_few.cuh"

namespace agl {
namespace {

constexpr int kDepth = 64;  // numbers of a weight row in a slot of the ring: four instructions
constexpr int kChunkBytes = 16;
constexpr int kRingNumbers = 8 * 1024;  // of a warp: what it has under way
constexpr int kMaxWarps = 8;
constexpr int kPieceSteps = static_cast<int>(kPiece) / kDepth;

struct FewShape {
  std::int64_t rows, k;
  std::int64_t xStride, wStride;
  int pieceWarps;  // warps that share a block's outputs, each with other pieces
  bool paired;     // rows of x are 8-byte aligned
  std::int64_t outputs = 0;  // of the block's target
};

// kTiles tiles of eight outputs for a warp; kHalves eights of rows; the weights' type.
template <int Tiles, int Halves, Dtype Weights>
struct FewTiling {
  static constexpr int kTiles = Tiles, kHalves = Halves;
  static constexpr Dtype kWeights = Weights;
  static constexpr int kOutputs = 8 * kTiles, kRows = 8 * kHalves;
  static constexpr int kNumberBytes = isCode(Weights) ? 1 : 2;
  static constexpr int kChunkNumbers = kChunkBytes / kNumberBytes, kChunks = kDepth / kChunkNumbers;
  static constexpr int kSlotBytes = kOutputs * kDepth * kNumberBytes, kSlots = kRingNumbers / (kOutputs * kDepth);
  static constexpr int kRingBytes = kSlots * kSlotBytes;
  static constexpr int kAhead = 4 / kHalves;  // steps of x that are under way
  static constexpr int kOwned = 2 * kHalves * kTiles;  // outputs a thread of the block writes, at most
  static_assert(kPieceSteps % kAhead == 0);

  // Where a chunk of a slot lies: those that lanes read together are in different banks.
  __device__ __forceinline__ static int chunkAt(int row, int chunk) {
    return (row * kChunks + (chunk ^ (row / (8 / kChunks)) % kChunks)) * kChunkBytes;
  }
};

template <class T>
__device__ __forceinline__ void copySlot(unsigned char* slot, const unsigned char* w, const FewShape& s,
                                         std::int64_t output, std::int64_t k) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = lane; i < T::kOutputs * T::kChunks; i += 32) {
    const int row = i / T::kChunks, chunk = i % T::kChunks;
    const std::int64_t column = k + chunk * T::kChunkNumbers;
    const bool valid = output + row < s.outputs && column < s.wStride;
    cuda::copyAsync16(slot + T::chunkAt(row, chunk), valid ? w + ((output + row) * s.wStride + column) * T::kNumberBytes : w, valid);
  }
}

// Operands B of a tile of outputs for two instructions: half 0 or 1 of the slot.
template <class T>
__device__ __forceinline__ void loadWeights(std::uint32_t (&b)[4], const unsigned char* slot, int tile, int half) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if constexpr (isCode(T::kWeights)) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const unsigned char* const at = slot + T::chunkAt(8 * tile + lane / 4, 2 * half + i) + lane % 4 * 2;
      b[2 * i] = bf16OfCodes<T::kWeights>(*reinterpret_cast<const std::uint16_t*>(at));
      b[2 * i + 1] = bf16OfCodes<T::kWeights>(*reinterpret_cast<const std::uint16_t*>(at + 8));
    }
  } else {
    cuda::loadMatrix4(b, slot + T::chunkAt(8 * tile + lane % 8, 4 * half + lane / 8));
  }
}

// Four instructions for each tile of outputs.
template <class T>
__device__ __forceinline__ void multiply(float (&sums)[T::kTiles][4], const few::Columns<T::kHalves>& x, const unsigned char* slot) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    std::uint32_t a[2][4], b[T::kTiles][4];
    x.operand(a[0], 2 * half);
    x.operand(a[1], 2 * half + 1);
#pragma unroll
    for (int t = 0; t < T::kTiles; t++) loadWeights<T>(b[t], slot, t, half);
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int t = 0; t < T::kTiles; t++) {
        const std::uint32_t pair[2] = {b[t][2 * i], b[t][2 * i + 1]};
        cuda::mma16816(sums[t], a[i], pair);
      }
    }
  }
}

// Grid: groups of outputs, one target after another. Warps of a block: pieceWarps for each tile group of outputs. After each round of pieces the
// threads of the block add the pieces' sums in ascending order.
template <class T>
__global__ void __launch_bounds__(32 * kMaxWarps)
    fewRowsKernel(const __grid_constant__ few::Targets targets, const float* x, FewShape s) {
  const few::Target& target = targets.each[targets.ofBlock()];
  const auto* const w = static_cast<const unsigned char*>(target.w);
  s.outputs = target.outputs;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warps = static_cast<int>(blockDim.x) / 32, groups = warps / s.pieceWarps;
  unsigned char* const ring = cuda::sharedMemory() + warp * T::kRingBytes;
  float* const parts = reinterpret_cast<float*>(cuda::sharedMemory() + warps * T::kRingBytes);  // [warp][row][output]
  const std::int64_t first = (blockIdx.x - target.firstBlock) * groups * T::kOutputs;
  const std::int64_t output = first + warp / s.pieceWarps * T::kOutputs;
  const std::int64_t rounds = (s.k + s.pieceWarps * kPiece - 1) / (s.pieceWarps * kPiece);
  // Column of the warp's step q.
  const auto columnOf = [&](std::int64_t q) {
    return (q / kPieceSteps * s.pieceWarps + warp % s.pieceWarps) * kPiece + q % kPieceSteps * kDepth;
  };
  const auto isPart = [&](std::int64_t q) { return q < rounds * kPieceSteps && columnOf(q) < s.k; };

#pragma unroll
  for (int q = 0; q < T::kSlots - 1; q++) {
    if (isPart(q)) copySlot<T>(ring + q * T::kSlotBytes, w, s, output, columnOf(q));
    cuda::copyAsyncCommit();
  }
  few::Columns<T::kHalves> columns[T::kAhead];
#pragma unroll
  for (int q = 0; q < T::kAhead; q++) {
    if (isPart(q)) columns[q].load(x, s, lane, columnOf(q));
  }

  float totals[T::kOwned] = {};
  for (std::int64_t round = 0; round < rounds; round++) {
    float sums[T::kTiles][4] = {};
    for (int base = 0; base < kPieceSteps; base += T::kAhead) {
#pragma unroll
      for (int d = 0; d < T::kAhead; d++) {
        const std::int64_t q = round * kPieceSteps + base + d;
        cuda::copyAsyncWait<T::kSlots - 2>();
        __syncwarp();  // the slot has come, and all lanes have read the one before
        const std::int64_t next = q + T::kSlots - 1;
        if (isPart(next)) copySlot<T>(ring + next % T::kSlots * T::kSlotBytes, w, s, output, columnOf(next));
        cuda::copyAsyncCommit();
        if (isPart(q)) {
          multiply<T>(sums, columns[d], ring + q % T::kSlots * T::kSlotBytes);
          if (isPart(q + T::kAhead)) columns[d].load(x, s, lane, columnOf(q + T::kAhead));
        }
      }
    }
#pragma unroll
    for (int e = 0; e < 4 * T::kTiles; e++) {
      const int row = lane / 4 + e / 2 % 2 * 8, column = e / 4 * 8 + lane % 4 * 2 + e % 2;
      if (row < T::kRows) parts[(warp * T::kRows + row) * T::kOutputs + column] = sums[e / 4][e % 4];
    }
    __syncthreads();
    const std::int64_t pieces = (s.k + kPiece - 1) / kPiece - round * s.pieceWarps;
#pragma unroll
    for (int o = 0; o < T::kOwned; o++) {
      const int index = static_cast<int>(threadIdx.x + o * blockDim.x);
      if (index >= groups * T::kRows * T::kOutputs) continue;
      const int group = index / (T::kRows * T::kOutputs), rest = index % (T::kRows * T::kOutputs);
      for (int p = 0; p < s.pieceWarps && p < pieces; p++) {
        totals[o] = __fadd_rn(totals[o], parts[(group * s.pieceWarps + p) * T::kRows * T::kOutputs + rest]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int o = 0; o < T::kOwned; o++) {
    const int index = static_cast<int>(threadIdx.x + o * blockDim.x);
    const int group = index / (T::kRows * T::kOutputs), row = index / T::kOutputs % T::kRows;
    const std::int64_t n = first + group * T::kOutputs + index % T::kOutputs;
    if (group >= groups || row >= s.rows || n >= s.outputs) continue;
    target.y[row * target.yStride + n] = isCode(T::kWeights) ? __fmul_rn(totals[o], target.scales[n]) : totals[o];
  }
}

template <class T>
void runFew(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  constexpr std::size_t warpBytes = T::kRingBytes + T::kRows * T::kOutputs * sizeof(float);
  const std::int64_t fitting = static_cast<std::int64_t>(device.maxSharedBytes() / warpBytes);
  const std::int64_t maxWarps = std::clamp<std::int64_t>(fitting, 1, kMaxWarps);
  const std::int64_t pieceWarps = std::min(divideUp(x.cols, kPiece), maxWarps);
  // As many outputs to a block as leave each multiprocessor two.
  const std::int64_t tiles = divideUp(few::outputsOf(outputs), T::kOutputs);
  const std::int64_t groups = std::clamp<std::int64_t>(tiles / (2 * device.multiprocessors()), 1, maxWarps / pieceWarps);
  const bool paired = x.stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(x.data) % sizeof(float2) == 0;
  const FewShape s = {x.rows, x.cols, x.stride, operandStride(x.cols), static_cast<int>(pieceWarps), paired};
  const few::Targets targets = few::targetsOf(outputs, groups * T::kOutputs);
  const std::int64_t warps = groups * pieceWarps;
  cuda::launch(device, "linear.forward", dim3(static_cast<unsigned>(targets.blocks)), dim3(static_cast<unsigned>(32 * warps)),
               static_cast<std::size_t>(warps) * warpBytes, fewRowsKernel<T>, targets, x.f32(), s);
}

template <Dtype kWeights>
void runWeights(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  // Two tiles of outputs read x half as often; one gives each multiprocessor a block where there are few outputs.
  const bool isWide = few::outputsOf(outputs) >= 32 * device.multiprocessors();
  if (x.rows <= 8) return isWide ? runFew<FewTiling<2, 1, kWeights>>(device, x, outputs) : runFew<FewTiling<1, 1, kWeights>>(device, x, outputs);
  return isWide ? runFew<FewTiling<2, 2, kWeights>>(device, x, outputs) : runFew<FewTiling<1, 2, kWeights>>(device, x, outputs);
}

}  // namespace

void mmaFewRows(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  const Dtype weights = outputs[0].w.dtype;
  if (weights == Dtype::i8) return runWeights<Dtype::i8>(device, x, outputs);
  if (weights == Dtype::f8) return runWeights<Dtype::f8>(device, x, outputs);
  runWeights<Dtype::bf16>(device, x, outputs);
}

}  // namespace agl
