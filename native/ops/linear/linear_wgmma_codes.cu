// Forward of at most 16 rows by wgmma (sm_90a) with weights of one byte. Bound by reading them once: every thread brings its share of a
// step to registers, several steps ahead, and writes it as bf16 where the instruction reads it. The same instructions in the same
// order as linear_wgmma.cu, so the same bits. Checked in emulation alone: no device has run it.
#include "core/cuda.h"
#include "ops/linear/linear_codes.cuh"
#include "ops/linear/linear_cuda.h"
#include "ops/linear/linear_wgmma_few.cuh"

namespace agl {
namespace {

using namespace cuda::hopper;
using namespace few;

constexpr int kEight = 8;  // codes that a thread reads at once

// A block has kColumns outputs of kHalves eights of rows; each of its groups two slots of weights in bf16.
template <int Columns, int Halves, Dtype Weights>
struct CodeTiling {
  static constexpr int kColumns = Columns, kHalves = Halves, kRows = 8 * Halves;
  static constexpr Dtype kWeights = Weights;
  static constexpr int kRowChunks = kDepth / kEight;
  static constexpr int kChunks = Columns * kRowChunks / kGroup;  // of eight codes, a thread's of a step
  static constexpr int kAhead = 8 / kChunks;                     // steps of codes that are under way
  static constexpr int kColumnsAhead = 2 / Halves;               // and of x
  static constexpr int kOwned = kRows * Columns / kGroup;        // outputs a thread writes, at most
  static constexpr int kSlotBytes = Columns * kDepth * 2;
  static constexpr std::size_t kPartBytes = kRows * Columns * sizeof(float);  // a group's sums
  static constexpr std::size_t kGroupBytes = 2 * kSlotBytes + kPartBytes;
  static_assert(kSlotBytes % 1024 == 0 && kAhead % kColumnsAhead == 0);
};

// A thread's share of a step.
template <class T>
struct Codes {
  uint2 chunks[T::kChunks];

  __device__ __forceinline__ static int chunkOf(int i) { return static_cast<int>(threadIdx.x) % kGroup + i * kGroup; }
  __device__ __forceinline__ void load(const uint2* w, const FewShape& s, std::int64_t output, std::int64_t k) {
#pragma unroll
    for (int i = 0; i < T::kChunks; i++) {
      const std::int64_t n = output + chunkOf(i) / T::kRowChunks, column = k + chunkOf(i) % T::kRowChunks * kEight;
      const bool valid = n < s.outputs && column < s.wStride;
      chunks[i] = valid ? w[(n * s.wStride + column) / kEight] : make_uint2(0, 0);
    }
  }
  // 128-byte swizzled, as describeK has it.
  __device__ __forceinline__ void expand(unsigned char* slot) const {
#pragma unroll
    for (int i = 0; i < T::kChunks; i++) {
      const int row = chunkOf(i) / T::kRowChunks, chunk = chunkOf(i) % T::kRowChunks;
      *reinterpret_cast<uint4*>(slot + row * kDepth * 2 + (chunk ^ row % 8) * 16) = bf16OfCodes<T::kWeights>(chunks[i]);
    }
  }
};

// Grid: tiles of outputs, one target after another. Threads: the groups.
template <class T>
__global__ void __launch_bounds__(kMaxGroups * kGroup)
    wgmmaCodesKernel(const __grid_constant__ Targets targets, const float* x, FewShape s) {
  if (!hasInstructions()) return;
  const Target& target = targets.each[targets.ofBlock()];
  const auto* const w = static_cast<const uint2*>(target.w);
  s.outputs = target.outputs;
  const int group = static_cast<int>(threadIdx.x) / kGroup, thread = static_cast<int>(threadIdx.x) % kGroup;
  const std::int64_t output = (blockIdx.x - target.firstBlock) * T::kColumns;
  unsigned char* const slots = cuda::sharedMemory() + group * 2 * T::kSlotBytes;
  float* const parts = reinterpret_cast<float*>(cuda::sharedMemory() + s.groups * 2 * T::kSlotBytes);
  float sums[T::kColumns / 2] = {}, totals[T::kOwned] = {};
  Codes<T> codes[T::kAhead];
  Columns<T::kHalves> columns[T::kColumnsAhead];
#pragma unroll
  for (int d = 0; d < T::kAhead; d++) codes[d].load(w, s, output, columnOf(s, group, d));
#pragma unroll
  for (int d = 0; d < T::kColumnsAhead; d++) columns[d].load(x, s, thread, columnOf(s, group, d));
  for (int base = 0; base < s.steps; base += T::kAhead) {
#pragma unroll
    for (int d = 0; d < T::kAhead; d++) {
      const int step = base + d;
      if (step >= s.steps || columnOf(s, group, step) >= s.k) continue;
      // Who has come here has seen all warps past the barrier of the step before, and its products read of the one before that.
      unsigned char* const slot = slots + d % 2 * T::kSlotBytes;
      codes[d].expand(slot);
      codes[d].load(w, s, output, columnOf(s, group, step + T::kAhead));
      fenceShared();
      cuda::barrier(2 + group, kGroup);
      std::uint32_t a[kInstructions][4];
      columns[d % T::kColumnsAhead].operands(a);
      columns[d % T::kColumnsAhead].load(x, s, thread, columnOf(s, group, step + T::kColumnsAhead));
      fence();
#pragma unroll
      for (int i = 0; i < kInstructions; i++) {
        wgmma<T::kColumns>(sums, a[i], describeK(slot + 32 * i), step % kPieceSteps + i > 0);
      }
      commit();
      waitProducts<0>();
      pin(sums);
    }
    const int done = base + T::kAhead < s.steps ? base + T::kAhead : s.steps;
    if (done % kPieceSteps == 0 || done == s.steps) addPieces<T>(totals, sums, parts, s, base / kPieceSteps);
  }
  writeTotals<T>(target, totals, s, output);
}

template <class T>
void run(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  const FewShape s = fewShapeOf(x);
  const Targets targets = targetsOf(outputs, T::kColumns);
  cuda::launch(device, "linear.forward", dim3(static_cast<unsigned>(targets.blocks)), dim3(static_cast<unsigned>(s.groups * kGroup)),
               static_cast<std::size_t>(s.groups) * T::kGroupBytes, wgmmaCodesKernel<T>, targets, x.f32(), s);
}

template <Dtype kWeights>
void runWeights(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  // Many outputs to a block read x less often; few give every multiprocessor a block.
  const bool isWide = outputsOf(outputs) >= 64 * device.multiprocessors();
  if (x.rows <= 8) return isWide ? run<CodeTiling<64, 1, kWeights>>(device, x, outputs) : run<CodeTiling<16, 1, kWeights>>(device, x, outputs);
  return isWide ? run<CodeTiling<64, 2, kWeights>>(device, x, outputs) : run<CodeTiling<16, 2, kWeights>>(device, x, outputs);
}

}  // namespace

void wgmmaFewRowsOfCodes(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  if (outputs[0].w.dtype == Dtype::i8) return runWeights<Dtype::i8>(device, x, outputs);
  runWeights<Dtype::f8>(device, x, outputs);
}

}  // namespace agl
