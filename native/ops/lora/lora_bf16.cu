// lora.h in bf16: a team multiplies a tile of rows by a tile of outputs over its own pieces of K, a warp by mma.sync or, on
// Hopper, a warp group by wgmma. Weights come through a ring in shared memory, x goes from memory to fragments, rounded on the
// way. The instructions and the order of linear_mma.cu and linear_wgmma.cu, so the same bits. Few rows are bound by latency,
// many by reading x, once for each 16 of the rank, and writing y once. Checked in emulation alone: no device has run it.
#include "core/cuda.h"
#include "ops/linear/linear_cuda.h"
#include "ops/lora/lora_cuda.cuh"

namespace agl::lora {
namespace {

constexpr int kDepth = 64;  // numbers of a weight row in a slot of the ring: four instructions
constexpr int kChunks = kDepth / 8;
constexpr int kInstructions = kDepth / 16;
constexpr int kPieceSteps = static_cast<int>(kPiece) / kDepth;

// Threads that multiply together, `Outputs` at a time; each warp has 16 rows.
template <int Warps, int Outputs, int Slots, int Ahead, int Blocks>
struct Team {
  static constexpr int kMaxThreads = Warps == 4 ? 384 : 256;  // of a block, of which a multiprocessor holds `Blocks`
  static constexpr int kBlocks = Blocks;
  static constexpr int kThreads = 32 * Warps, kRows = 16 * Warps, kOutputs = Outputs;
  static constexpr int kSlots = Slots;
  static constexpr int kAhead = Ahead;  // steps of x that are under way
  static constexpr int kSlotBytes = Outputs * kDepth * 2, kRingBytes = Slots * kSlotBytes;
  static constexpr int kSums = Outputs / 2;                  // of a thread
  static constexpr int kOwned = kRows * Outputs / kThreads;  // outputs it writes, at most
  static constexpr std::size_t kSharedBytes = kRingBytes + kRows * Outputs * sizeof(float);
  static constexpr bool kIsGroup = Warps == 4;
  static_assert(kSlotBytes % 1024 == 0 && kPieceSteps % Ahead == 0);
};

// What a lane has of 64 columns of its warp's 16 rows of x: for each instruction and each eight of rows two pairs, eight
// columns apart. Absent numbers are zero.
struct Columns {
  float2 pairs[kInstructions][2][2];

  __device__ __forceinline__ void load(const Side& s, int firstRow, int k) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const bool paired = s.xStride % 2 == 0 && reinterpret_cast<std::uintptr_t>(s.x) % sizeof(float2) == 0;
#pragma unroll
    for (int i = 0; i < kInstructions * 4; i++) {
      const int row = firstRow + lane / 4 + 8 * (i / 2 % 2), column = k + i / 4 * 16 + i % 2 * 8 + lane % 4 * 2;
      const float* const at = s.x + static_cast<std::int64_t>(row) * s.xStride + column;
      float2 pair = make_float2(0.0F, 0.0F);
      if (row < s.rows && column + 1 < s.k) {
        pair = paired ? *reinterpret_cast<const float2*>(at) : make_float2(at[0], at[1]);
      } else if (row < s.rows && column < s.k) {
        pair.x = at[0];
      }
      pairs[i / 4][i / 2 % 2][i % 2] = pair;
    }
  }
  __device__ __forceinline__ void operand(std::uint32_t (&a)[4], int i) const {
#pragma unroll
    for (int e = 0; e < 4; e++) a[e] = cuda::packBf16(pairs[i][e % 2][e / 2].x, pairs[i][e % 2][e / 2].y);
  }
};

// Weights of a tile of outputs, chunks exchanged as wgmma wants them; eight rows' chunks of one column are in different banks.
template <class T>
__device__ __forceinline__ void copySlot(unsigned char* slot, const Side& s, int output, int k) {
  const auto* const w = static_cast<const std::uint16_t*>(s.w);
  const int stride = parts(s.k, static_cast<int>(Packed::kStep)) * static_cast<int>(Packed::kStep);
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x) % T::kThreads; i < T::kOutputs * kChunks; i += T::kThreads) {
    const int row = i / kChunks, chunk = i % kChunks;
    const bool valid = output + row < s.outputs && k + chunk * 8 < stride;
    const std::uint16_t* const from = valid ? w + static_cast<std::int64_t>(output + row) * stride + k + chunk * 8 : w;
    cuda::copyAsync16(slot + (row * kChunks + (chunk ^ row % 8)) * 16, from, valid);
  }
}

// The copies of all threads of the team have come, and all have read the slot before.
template <class T>
__device__ __forceinline__ void meet(int team) {
  if constexpr (T::kIsGroup) {
    cuda::hopper::fenceShared();
    cuda::barrier(1 + team, T::kThreads);
  } else {
    __syncwarp();
  }
}

// Four instructions; `step` of a piece.
template <class T>
__device__ __forceinline__ void multiply(float (&sums)[T::kSums], const Columns& x, const unsigned char* slot,
                                         [[maybe_unused]] int step) {
  if constexpr (T::kIsGroup) {
    using namespace cuda::hopper;
    std::uint32_t a[kInstructions][4];
#pragma unroll
    for (int i = 0; i < kInstructions; i++) x.operand(a[i], i);
    fence();
#pragma unroll
    for (int i = 0; i < kInstructions; i++) {
      wgmma<T::kOutputs>(sums, a[i], describeK(slot + 32 * i), step + i > 0);
    }
    commit();
    waitProducts<0>();
    pin(sums);
  } else {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < kInstructions; i++) {
      std::uint32_t a[4], b[4];
      x.operand(a, i);
#pragma unroll
      for (int t = 0; t < T::kOutputs; t += 16) {
        const int row = t + lane / 16 * 8 + lane % 8, chunk = 2 * i + lane / 8 % 2;
        cuda::loadMatrix4(b, slot + (row * kChunks + (chunk ^ row % 8)) * 16);
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const std::uint32_t pair[2] = {b[2 * half], b[2 * half + 1]};
          float* const own = sums + t / 2 + 4 * half;
          float d[4] = {own[0], own[1], own[2], own[3]};
          cuda::mma16816(d, a, pair);
          own[0] = d[0], own[1] = d[1], own[2] = d[2], own[3] = d[3];
        }
      }
    }
  }
}

using WarpDown = Team<1, 16, 8, 4, 1>;
using WarpUp = Team<1, 16, 2, 1, 2>;
using GroupDown = Team<4, 16, 8, 2, 1>;
using GroupUp = Team<4, 32, 2, 1, 1>;

// Grid: the tasks' blocks, one task after another. After each round of pieces the block's threads add its sums, ascending.
template <class T, Step kStep>
__global__ void __launch_bounds__(T::kMaxThreads, T::kBlocks) bf16Kernel(const Entry* entries, const int* firsts, int count) {
  if constexpr (T::kIsGroup) {
    if (!cuda::hopper::hasInstructions()) return;
  }
  const int task = taskOfBlock(firsts, count), block = static_cast<int>(blockIdx.x) - firsts[task];
  const float scale = entries[task].scale;
  const Side s(entries[task], kStep);
  const int teams = static_cast<int>(blockDim.x) / T::kThreads, team = static_cast<int>(threadIdx.x) / T::kThreads;
  const int together = pieceTeams(s.k, teams), groups = teams / together;
  const int tiles = parts(parts(s.outputs, T::kOutputs), groups);
  const int firstRow = block / tiles * T::kRows, firstOutput = block % tiles * groups * T::kOutputs;
  const int output = firstOutput + team / together * T::kOutputs;
  const int lane = static_cast<int>(threadIdx.x) % 32, warpRow = static_cast<int>(threadIdx.x) % T::kThreads / 32 * 16;
  unsigned char* const ring = cuda::sharedMemory() + team * T::kRingBytes;
  float* const partial = reinterpret_cast<float*>(cuda::sharedMemory() + teams * T::kRingBytes);  // [team][row][output]
  const bool hasOutputs = team < groups * together && output < s.outputs;
  // Column of the team's step q.
  const auto columnOf = [&](int q) {
    return (q / kPieceSteps * together + team % together) * static_cast<int>(kPiece) + q % kPieceSteps * kDepth;
  };
  const auto isPart = [&](int q) { return hasOutputs && columnOf(q) < s.k; };

#pragma unroll
  for (int q = 0; q < T::kSlots - 1; q++) {
    if (isPart(q)) copySlot<T>(ring + q * T::kSlotBytes, s, output, columnOf(q));
    cuda::copyAsyncCommit();
  }
  Columns columns[T::kAhead];
#pragma unroll
  for (int q = 0; q < T::kAhead; q++) {
    if (isPart(q)) columns[q].load(s, firstRow + warpRow, columnOf(q));
  }

  const int pieces = parts(s.k, static_cast<int>(kPiece)), rounds = parts(pieces, together);
  float totals[T::kOwned] = {};
  for (int round = 0; round < rounds; round++) {
    float sums[T::kSums] = {};
    for (int base = 0; base < kPieceSteps && isPart(round * kPieceSteps + base); base += T::kAhead) {
#pragma unroll
      for (int d = 0; d < T::kAhead; d++) {
        const int q = round * kPieceSteps + base + d, next = q + T::kSlots - 1;
        if (isPart(q)) {
          cuda::copyAsyncWait<T::kSlots - 2>();
          meet<T>(team);
          if (isPart(next)) copySlot<T>(ring + next % T::kSlots * T::kSlotBytes, s, output, columnOf(next));
          cuda::copyAsyncCommit();
          multiply<T>(sums, columns[d], ring + q % T::kSlots * T::kSlotBytes, base + d);
          if (isPart(q + T::kAhead)) columns[d].load(s, firstRow + warpRow, columnOf(q + T::kAhead));
        }
      }
    }
#pragma unroll
    for (int e = 0; e < T::kSums; e++) {
      const int row = warpRow + lane / 4 + e / 2 % 2 * 8, column = e / 4 * 8 + lane % 4 * 2 + e % 2;
      partial[(team * T::kRows + row) * T::kOutputs + column] = sums[e];
    }
    __syncthreads();
#pragma unroll
    for (int o = 0; o < T::kOwned; o++) {
      const int index = static_cast<int>(threadIdx.x + o * blockDim.x);
      const int group = index / (T::kRows * T::kOutputs), rest = index % (T::kRows * T::kOutputs);
      for (int p = 0; group < groups && p < together && round * together + p < pieces; p++) {
        totals[o] = __fadd_rn(totals[o], partial[(group * together + p) * T::kRows * T::kOutputs + rest]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int o = 0; o < T::kOwned; o++) {
    const int index = static_cast<int>(threadIdx.x + o * blockDim.x);
    const int group = index / (T::kRows * T::kOutputs), row = firstRow + index / T::kOutputs % T::kRows;
    const int n = firstOutput + group * T::kOutputs + index % T::kOutputs;
    if (group < groups && row < s.rows && n < s.outputs) s.write<kStep>(row, n, totals[o], scale);
  }
}

}  // namespace

void forwardBf16(CudaDevice& device, std::span<const LoraTask> tasks) {
  if (&productsOf(device) == &kWgmmaProducts) {
    return runBoth<GroupDown, GroupUp>(device, tasks, bf16Kernel<GroupDown, Step::down>, bf16Kernel<GroupUp, Step::up>);
  }
  runBoth<WarpDown, WarpUp>(device, tasks, bf16Kernel<WarpDown, Step::down>, bf16Kernel<WarpUp, Step::up>);
}

}  // namespace agl::lora
