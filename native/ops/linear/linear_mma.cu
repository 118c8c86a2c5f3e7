// Products in bf16 by mma.sync.m16n8k16 (PTX ISA 9.0, 9.7.14.5): tiles of c by blocks, operands through shared memory
// in a pipeline of cp.async, fragments by ldmatrix. Sums as linear_cuda.h says; steps beyond the operands are zeros.
// Large tiles are bound by the tensor cores, then by shared memory (a warp reads 3 KB for 64 KFLOP); few rows or columns
// by reading b.
#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"

namespace agl {
namespace {

constexpr int kDepth = 64;  // numbers of a row in a stage: four instructions
constexpr int kInstruction = 16;
constexpr int kStages = 3;
constexpr int kPieceStages = static_cast<int>(kPiece) / kDepth;
constexpr int kChunk = 8;       // numbers of 16 bytes
constexpr int kGroupTiles = 8;  // tiles of rows that run beside each other and share their tile of b in L2

// Warps in WarpsI x WarpsJ, each with I / WarpsI x J / WarpsJ outputs.
template <int I, int J, int WarpsI, int WarpsJ, bool kIsTransposed>
struct MmaTiling {
  static constexpr int kI = I, kJ = J, kWarpsJ = WarpsJ;
  static constexpr bool kTransposed = kIsTransposed;
  static constexpr int kThreads = 32 * WarpsI * WarpsJ;
  static constexpr int kWarpI = I / WarpsI, kWarpJ = J / WarpsJ;
  static constexpr int kFragmentsI = kWarpI / 16, kFragmentsJ = kWarpJ / 16;  // those of b hold two operands each
  static constexpr int kBytesA = I * kDepth * 2, kStageBytes = (I + J) * kDepth * 2;
  static constexpr std::size_t kSharedBytes = kStages * kStageBytes;
};

// Where a chunk of a tile with kChunks chunks a row lies: eight rows' chunks of one column are in different banks.
template <int kChunks>
__device__ __forceinline__ int chunkAt(int row, int chunk) {
  return (row * kChunks + (chunk ^ (row & 7))) * 16;
}

// Rows [row, row + kRows) and columns [column, column + kChunks 8) into shared memory, zeros beyond `rows`, `columns`.
template <int kRows, int kChunks, int kThreads>
__device__ __forceinline__ void copyTile(unsigned char* to, const std::uint16_t* from, std::int64_t stride,
                                         std::int64_t row, std::int64_t rows, std::int64_t column,
                                         std::int64_t columns) {
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kThreads) {
    const int r = i / kChunks, chunk = i % kChunks;
    const std::int64_t c = column + chunk * kChunk;
    const bool valid = row + r < rows && c < columns;
    cuda::copyAsync16(to + chunkAt<kChunks>(r, chunk), valid ? from + (row + r) * stride + c : from, valid);
  }
}

template <class T>
struct Fragments {
  std::uint32_t a[T::kFragmentsI][4];
  std::uint32_t b[T::kFragmentsJ][4];

  // Those of instruction `step` of a stage for the warp's part of the tile at (i, j).
  __device__ __forceinline__ void load(const unsigned char* stage, int i, int j, int step) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const unsigned char* const tileB = stage + T::kBytesA;
#pragma unroll
    for (int f = 0; f < T::kFragmentsI; f++) {
      cuda::loadMatrix4(a[f], stage + chunkAt<kDepth / kChunk>(i + 16 * f + lane % 16, 2 * step + lane / 16));
    }
#pragma unroll
    for (int f = 0; f < T::kFragmentsJ; f++) {
      if constexpr (T::kTransposed) {
        const int chunk = (j + 16 * f) / kChunk + lane / 16;
        cuda::loadMatrix4Transposed(b[f], tileB + chunkAt<T::kJ / kChunk>(step * kInstruction + lane % 16, chunk));
      } else {
        const int row = j + 16 * f + lane / 16 * 8 + lane % 8;
        cuda::loadMatrix4(b[f], tileB + chunkAt<kDepth / kChunk>(row, 2 * step + lane / 8 % 2));
      }
    }
  }
};

template <class T>
struct Accumulators {
  float sums[T::kFragmentsI][2 * T::kFragmentsJ][4] = {};

  __device__ __forceinline__ void multiply(const Fragments<T>& f) {
#pragma unroll
    for (int i = 0; i < T::kFragmentsI; i++) {
#pragma unroll
      for (int j = 0; j < 2 * T::kFragmentsJ; j++) {
        const std::uint32_t pair[2] = {f.b[j / 2][j % 2 * 2], f.b[j / 2][j % 2 * 2 + 1]};
        cuda::mma16816(sums[i][j], f.a[i], pair);
      }
    }
  }
  // Adds a piece and begins the next.
  __device__ __forceinline__ void take(Accumulators& piece) {
#pragma unroll
    for (int i = 0; i < T::kFragmentsI; i++) {
#pragma unroll
      for (int j = 0; j < 2 * T::kFragmentsJ; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          sums[i][j][e] = __fadd_rn(sums[i][j][e], piece.sums[i][j][e]);
          piece.sums[i][j][e] = 0.0F;
        }
      }
    }
  }
};

template <class T>
__device__ __forceinline__ void copyStage(unsigned char* stage, const std::uint16_t* a, const std::uint16_t* b,
                                          const Product& s, std::int64_t row, std::int64_t column, std::int64_t at) {
  copyTile<T::kI, kDepth / kChunk, T::kThreads>(stage, a, s.aStride, row, s.rows, at, s.aStride);
  if constexpr (T::kTransposed) {
    copyTile<kDepth, T::kJ / kChunk, T::kThreads>(stage + T::kBytesA, b, s.bStride, at, s.reduced, column, s.bStride);
  } else {
    copyTile<T::kJ, kDepth / kChunk, T::kThreads>(stage + T::kBytesA, b, s.bStride, column, s.columns, at, s.bStride);
  }
}

// The warp's part at (row, column) of c.
template <class T>
__device__ __forceinline__ void writeOut(float* c, const Product& s, const Accumulators<T>& total, std::int64_t row,
                                         std::int64_t column) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = 0; i < 2 * T::kFragmentsI; i++) {
    const std::int64_t r = row + 8 * i + lane / 4;
    if (r >= s.rows) continue;
#pragma unroll
    for (int j = 0; j < 4 * T::kFragmentsJ; j++) {
      const std::int64_t n = column + j / 2 * 8 + lane % 4 * 2 + j % 2;
      if (n >= s.columns) continue;
      float* const at = c + r * s.cStride + n;
      float sum = total.sums[i / 2][j / 2][i % 2 * 2 + j % 2];
      if (s.scales != nullptr) sum = __fmul_rn(sum, s.scales[n]);
      *at = s.add ? __fadd_rn(*at, sum) : sum;
    }
  }
}

// Grid: tiles, pieces where split.
template <class T>
__global__ void __launch_bounds__(T::kThreads)
    mmaKernel(float* c, const std::uint16_t* a, const std::uint16_t* b, Product s) {
  unsigned char* const shared = cuda::sharedMemory();
  const std::int64_t tilesI = (s.rows + T::kI - 1) / T::kI, tilesJ = (s.columns + T::kJ - 1) / T::kJ;
  const std::int64_t group = blockIdx.x / (kGroupTiles * tilesJ), inGroup = blockIdx.x % (kGroupTiles * tilesJ);
  const std::int64_t height = tilesI - group * kGroupTiles < kGroupTiles ? tilesI - group * kGroupTiles : kGroupTiles;
  const std::int64_t row = (group * kGroupTiles + inGroup % height) * T::kI, column = inGroup / height * T::kJ;
  const std::int64_t begin = s.partStride == 0 ? 0 : blockIdx.y * kPiece;
  const std::int64_t end = s.partStride == 0 || s.reduced < begin + kPiece ? s.reduced : begin + kPiece;
  const int stages = static_cast<int>((end - begin + kDepth - 1) / kDepth);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int i = warp / T::kWarpsJ * T::kWarpI, j = warp % T::kWarpsJ * T::kWarpJ;

#pragma unroll
  for (int stage = 0; stage < kStages - 1; stage++) {
    if (stage < stages) copyStage<T>(shared + stage * T::kStageBytes, a, b, s, row, column, begin + stage * kDepth);
    cuda::copyAsyncCommit();
  }
  Accumulators<T> piece, total;
  int slot = 0;
  for (int stage = 0; stage < stages; stage++) {
    cuda::copyAsyncWait<kStages - 2>();
    __syncthreads();  // the stage has come, and all have read the one before
    const unsigned char* const now = shared + slot * T::kStageBytes;
    Fragments<T> fragments[2];
    fragments[0].load(now, i, j, 0);
    const int ahead = stage + kStages - 1;
    unsigned char* const free = shared + (slot == 0 ? kStages - 1 : slot - 1) * T::kStageBytes;
    if (ahead < stages) {
      copyStage<T>(free, a, b, s, row, column, begin + static_cast<std::int64_t>(ahead) * kDepth);
    }
    cuda::copyAsyncCommit();
#pragma unroll
    for (int step = 0; step < kDepth / kInstruction; step++) {
      if (step + 1 < kDepth / kInstruction) fragments[(step + 1) % 2].load(now, i, j, step + 1);
      piece.multiply(fragments[step % 2]);
    }
    if ((stage + 1) % kPieceStages == 0 || stage + 1 == stages) total.take(piece);
    slot = slot + 1 == kStages ? 0 : slot + 1;
  }
  writeOut<T>(c + blockIdx.y * s.partStride, s, total, row + i, column + j);
}

template <class T>
void runTiles(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b,
              const Product& s) {
  const dim3 grid(static_cast<unsigned>(divideUp(s.rows, T::kI) * divideUp(s.columns, T::kJ)),
                  static_cast<unsigned>(s.partStride == 0 ? 1 : divideUp(s.reduced, kPiece)));
  cuda::launch(device, op, grid, dim3(T::kThreads), T::kSharedBytes, mmaKernel<T>, c, a, b, s);
}

template <bool kTransposed>
void runSize(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b,
             const Product& s, Tile tile) {
  if (tile != Tile::small) return runTiles<MmaTiling<128, 128, 2, 4, kTransposed>>(device, op, c, a, b, s);
  runTiles<MmaTiling<64, 64, 2, 2, kTransposed>>(device, op, c, a, b, s);
}

void multiply(CudaDevice& device, const char* op, float* c, const std::uint16_t* a, const std::uint16_t* b,
              const Product& s, Tile tile) {
  if (s.transposed) return runSize<true>(device, op, c, a, b, s, tile);
  runSize<false>(device, op, c, a, b, s, tile);
}

// A large tile's operands serve twice as many outputs; it pays once there is one for each multiprocessor.
Tile tileOf(const CudaDevice& device, const Product& p) {
  const bool isLarge = p.columns > 64 && divideUp(p.rows, 128) * divideUp(p.columns, 128) >= device.multiprocessors();
  return isLarge ? Tile::large : Tile::small;
}

}  // namespace

const ProductFamily kMmaProducts = {"mma.sync", tileOf, multiply, mmaFewRows};

}  // namespace agl
