// Products in bf16 by wgmma (PTX ISA 9.0, 9.7.15; sm_90a). Blocks stay and walk over tiles of c: one warp group brings the
// operands by TMA into a ring of stages, the others multiply 64 rows each. Sums as linear_cuda.h says; what lies beyond the
// operands comes as zeros. Checked in emulation alone: no device has run it.
#include "core/cuda.h"
#include "core/cuda_ring.cuh"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

using namespace cuda::hopper;

constexpr int kDepth = kBoxColumns;  // numbers of a row in a stage: four instructions
constexpr int kInstructions = kDepth / 16;
constexpr int kPieceStages = static_cast<int>(kPiece) / kDepth;
constexpr int kGroup = 128;       // threads of a warp group
constexpr int kGroupRows = 64;    // of an instruction
constexpr int kNeighbours = 8;    // tiles of rows that run beside each other and share their tile of b in L2
constexpr int kBoxBytes = 64 * kDepth * 2;

// Tiles of 64 Groups x Columns outputs. kBlocks: of a multiprocessor.
template <int Groups, int Columns, int StageCount, int Blocks, bool kIsTransposed>
struct WgmmaTiling {
  static constexpr int kGroups = Groups, kRows = kGroupRows * Groups, kColumns = Columns;
  static constexpr int kBlocks = Blocks;
  static constexpr bool kTransposed = kIsTransposed;
  static constexpr int kThreads = kGroup * (Groups + 1);
  static constexpr int kBytesA = kRows * kDepth * 2, kStageBytes = (kRows + Columns) * kDepth * 2;
  using Stages = Ring<StageCount, kStageBytes>;
  static constexpr std::size_t kSharedBytes = Stages::kBytes + Stages::kBarrierBytes;
};

// One tile, or one piece of its sums where they are divided.
struct Work {
  int row, column, begin, end, part;
};

template <class T>
__device__ __forceinline__ int workCount(const Product& s) {
  const std::int64_t tiles = (s.rows + T::kRows - 1) / T::kRows * ((s.columns + T::kColumns - 1) / T::kColumns);
  return static_cast<int>(s.partStride == 0 ? tiles : tiles * ((s.reduced + kPiece - 1) / kPiece));
}

template <class T>
__device__ __forceinline__ Work workAt(const Product& s, int index) {
  const int tilesI = static_cast<int>((s.rows + T::kRows - 1) / T::kRows);
  const int tilesJ = static_cast<int>((s.columns + T::kColumns - 1) / T::kColumns);
  const int part = index / (tilesI * tilesJ), tile = index % (tilesI * tilesJ);
  const int first = tile / (kNeighbours * tilesJ) * kNeighbours, inside = tile % (kNeighbours * tilesJ);
  const int height = tilesI - first < kNeighbours ? tilesI - first : kNeighbours;
  const int reduced = static_cast<int>(s.reduced), begin = part * static_cast<int>(kPiece);
  const bool isWhole = s.partStride == 0 || reduced - begin < kPiece;
  return {(first + inside % height) * T::kRows, inside / height * T::kColumns, begin,
          isWhole ? reduced : begin + static_cast<int>(kPiece), part};
}

// One thread.
template <class T>
__device__ __forceinline__ void load(typename T::Stages ring, const TensorMap& a, const TensorMap& b, const Product& s) {
  for (int index = static_cast<int>(blockIdx.x); index < workCount<T>(s); index += static_cast<int>(gridDim.x)) {
    const Work work = workAt<T>(s, index);
    for (int k = work.begin; k < work.end; k += kDepth) {
      unsigned char* const stage = ring.data();
      Barrier* const full = ring.full();
      wait(ring.empty(), ring.parity ^ 1U);
      expectBytes(full, T::kStageBytes);
      tmaLoad2d(stage, a, full, work.row, k);
      if constexpr (T::kTransposed) {
#pragma unroll
        for (int j = 0; j < T::kColumns / kDepth; j++) {
          tmaLoad2d(stage + T::kBytesA + j * kBoxBytes, b, full, k, work.column + j * kDepth);
        }
      } else {
        tmaLoad2d(stage + T::kBytesA, b, full, work.column, k);
      }
      ring.next();
    }
  }
}

// sums = the product of `stages` stages, from zero; `rows` is where the group's rows lie in a stage.
template <class T>
__device__ __forceinline__ void multiplyPiece(float (&sums)[T::kColumns / 2], typename T::Stages& ring, int rows, int stages) {
  constexpr Major order = T::kTransposed ? Major::mn : Major::k;
  const bool arrives = threadIdx.x % 32 == 0;
  Barrier* before = nullptr;
  for (int stage = 0; stage < stages; stage++) {
    const unsigned char* const a = ring.data() + rows;
    const unsigned char* const b = ring.data() + T::kBytesA;
    wait(ring.full(), ring.parity);
    fence();
#pragma unroll
    for (int i = 0; i < kInstructions; i++) {
      const std::uint64_t right = T::kTransposed ? describeMn(b + 16 * 128 * i, kBoxBytes) : describeK(b + 32 * i);
      wgmma<T::kColumns, Major::k, order>(sums, describeK(a + 32 * i), right, stage + i > 0);
    }
    commit();
    waitProducts<1>();  // the stage before is read
    if (before != nullptr && arrives) arrive(before);
    before = ring.empty();
    ring.next();
  }
  waitProducts<0>();
  pin(sums);
  if (arrives) arrive(before);
}

// A thread's two neighbours in a row of c, of which `left` columns remain. kWhole: they do, and lie 8-byte aligned.
template <bool kWhole>
__device__ __forceinline__ float2 readPair(const float* at, std::int64_t left) {
  if constexpr (kWhole) return *reinterpret_cast<const float2*>(at);
  return make_float2(left >= 1 ? at[0] : 0.0F, left >= 2 ? at[1] : 0.0F);
}
template <bool kWhole>
__device__ __forceinline__ void writePair(float* at, float2 value, std::int64_t left) {
  if constexpr (kWhole) {
    *reinterpret_cast<float2*>(at) = value;
  } else {
    if (left >= 1) at[0] = value.x;
    if (left >= 2) at[1] = value.y;
  }
}

// The group's 64 rows at (row, column) of c.
template <class T, bool kWhole>
__device__ __forceinline__ void writeOut(float* c, const Product& s, const float (&total)[T::kColumns / 2],
                                         std::int64_t row, std::int64_t column) {
  constexpr int together = 8;  // pairs of c that are read before they are written
  const int thread = static_cast<int>(threadIdx.x) % kGroup;
  const std::int64_t left = s.columns - column - thread % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const std::int64_t r = row + thread / 32 * 16 + half * 8 + thread % 32 / 4;
    if (r >= s.rows) continue;
    float* const at = c + r * s.cStride + column + thread % 4 * 2;
#pragma unroll
    for (int first = 0; first < T::kColumns / 8; first += together) {
      float2 sums[together];
#pragma unroll
      for (int j = 0; j < together; j++) {
        sums[j] = make_float2(total[4 * (first + j) + 2 * half], total[4 * (first + j) + 2 * half + 1]);
      }
      if (s.scales != nullptr) {
        const float* const scales = s.scales + column + thread % 4 * 2;
#pragma unroll
        for (int j = 0; j < together; j++) {
          const float2 scale = readPair<kWhole>(scales + 8 * (first + j), left - 8 * (first + j));
          sums[j] = make_float2(__fmul_rn(sums[j].x, scale.x), __fmul_rn(sums[j].y, scale.y));
        }
      }
      if (s.add) {
        float2 old[together];
#pragma unroll
        for (int j = 0; j < together; j++) old[j] = readPair<kWhole>(at + 8 * (first + j), left - 8 * (first + j));
#pragma unroll
        for (int j = 0; j < together; j++) {
          sums[j] = make_float2(__fadd_rn(old[j].x, sums[j].x), __fadd_rn(old[j].y, sums[j].y));
        }
      }
#pragma unroll
      for (int j = 0; j < together; j++) writePair<kWhole>(at + 8 * (first + j), sums[j], left - 8 * (first + j));
    }
  }
}

// A warp group that multiplies.
template <class T>
__device__ __forceinline__ void multiplyAll(typename T::Stages ring, float* c, const Product& s) {
  constexpr int count = T::kColumns / 2;
  const int group = static_cast<int>(threadIdx.x) / kGroup;
  float total[count];
  for (int index = static_cast<int>(blockIdx.x); index < workCount<T>(s); index += static_cast<int>(gridDim.x)) {
    const Work work = workAt<T>(s, index);
    const int stages = (work.end - work.begin + kDepth - 1) / kDepth;
#pragma unroll
    for (int i = 0; i < count; i++) total[i] = 0.0F;
    for (int done = 0; done < stages; done += kPieceStages) {
      float piece[count];  // lives no longer: what it holds elsewhere would cost registers
      multiplyPiece<T>(piece, ring, group * kGroupRows * kDepth * 2, stages - done < kPieceStages ? stages - done : kPieceStages);
#pragma unroll
      for (int i = 0; i < count; i++) total[i] = __fadd_rn(total[i], piece[i]);
    }
    float* const to = c + work.part * s.partStride;
    const bool pairs = s.cStride % 2 == 0 && reinterpret_cast<std::uintptr_t>(to) % sizeof(float2) == 0;
    if (pairs && work.column + T::kColumns <= s.columns) {
      writeOut<T, true>(to, s, total, work.row + group * kGroupRows, work.column);
    } else {
      writeOut<T, false>(to, s, total, work.row + group * kGroupRows, work.column);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks)
    wgmmaKernel(float* c, const __grid_constant__ TensorMap a, const __grid_constant__ TensorMap b, Product s) {
  if (!hasInstructions()) return;
  const typename T::Stages ring(cuda::sharedMemory(), cuda::sharedMemory() + T::Stages::kBytes);
  if (threadIdx.x == 0) {
    ring.initialize(T::kGroups * kGroup / 32);
    fenceBarriers();
  }
  __syncthreads();
  if (threadIdx.x >= T::kGroups * kGroup) {
    if constexpr (T::kGroups == 2) giveRegisters<40>();
    if (threadIdx.x == T::kGroups * kGroup) load<T>(ring, a, b, s);
  } else {
    if constexpr (T::kGroups == 2) takeRegisters<232>();
    multiplyAll<T>(ring, c, s);
  }
}

template <class T>
void run(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b, const Product& s) {
  if (s.rows == 0 || s.columns == 0) return;
  TensorMap aMap, bMap;
  const std::int64_t bRows = T::kTransposed ? s.reduced : s.columns;
  if (!mapMatrix(device, aMap, a, s.rows, s.aStride, s.aStride, T::kRows)) return;
  if (!mapMatrix(device, bMap, b, bRows, s.bStride, s.bStride, T::kTransposed ? kDepth : T::kColumns)) return;
  const std::int64_t tiles = divideUp(s.rows, T::kRows) * divideUp(s.columns, T::kColumns);
  const std::int64_t works = s.partStride == 0 ? tiles : tiles * divideUp(s.reduced, kPiece);
  const std::int64_t blocks = std::min<std::int64_t>(works, T::kBlocks * device.multiprocessors());
  cuda::launch(device, op, dim3(static_cast<unsigned>(blocks)), dim3(T::kThreads), T::kSharedBytes, wgmmaKernel<T>, c, aMap,
               bMap, s);
}

template <bool kTransposed>
void runTile(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b, const Product& s,
             Tile tile) {
  if (tile == Tile::small) return run<WgmmaTiling<1, 64, 6, 2, kTransposed>>(device, op, c, a, b, s);
  if (tile == Tile::large) return run<WgmmaTiling<2, 128, 6, 1, kTransposed>>(device, op, c, a, b, s);
  run<WgmmaTiling<2, 192, 5, 1, kTransposed>>(device, op, c, a, b, s);
}

void multiply(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b,
              const Product& s, Tile tile) {
  if (s.transposed) return runTile<true>(device, op, c, a, b, s, tile);
  runTile<false>(device, op, c, a, b, s, tile);
}

// The tile with the least estimated time. A multiprocessor's instructions read 4, 6 or 8 KB of shared memory for 64 columns, 128
// or 192, hence the percentages: guesses that no device has measured. Small tiles share the processors evenly, others in rounds.
Tile tileOf(const CudaDevice& device, const Product& p) {
  const std::int64_t processors = device.multiprocessors();
  const auto inRounds = [&](std::int64_t columns, std::int64_t percent) {
    return divideUp(divideUp(p.rows, 128) * divideUp(p.columns, columns), processors) * 128 * columns * percent;
  };
  const std::int64_t small = divideUp(p.rows, 64) * divideUp(p.columns, 64) * 64 * 64 * 200 / processors;
  const std::int64_t large = inRounds(128, 125), wide = inRounds(192, 110);
  if (small <= std::min(large, wide)) return Tile::small;
  return wide < large ? Tile::wide : Tile::large;
}

}  // namespace

const ProductFamily kWgmmaProducts = {"wgmma", tileOf, multiply, wgmmaFewRows};

}  // namespace agl
