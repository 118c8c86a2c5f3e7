// Forward of at most 16 rows in bf16 by wgmma (sm_90a): what decoding does. Bound by reading the weights once: one thread
// brings them by TMA into a ring of slots, warp groups multiply, each its own pieces of K. x goes from memory to fragments,
// rounded on the way; of an instruction's 64 rows those beyond x are zeros. The same instructions in the same order as
// linear_wgmma.cu, so the same bits. Checked in emulation alone: no device has run it.
#include "core/cuda.h"
#include "core/cuda_ring.cuh"
#include "ops/linear/linear_cuda.h"
#include "ops/linear/linear_wgmma_few.cuh"

namespace agl {
namespace {

using namespace cuda::hopper;
using namespace few;

constexpr int kMaxThreads = kMaxGroups * kGroup + 32;
constexpr int kRingBytes = 48 * 1024;  // of a warp group: what it has under way

// A block has kColumns outputs of kHalves eights of rows.
template <int Columns, int kHalves>
struct FewTiling {
  static constexpr int kColumns = Columns, kRows = 8 * kHalves;
  static constexpr int kSlotBytes = Columns * kDepth * 2;
  static constexpr int kAhead = 2 / kHalves;              // steps of x that are under way
  static constexpr int kOwned = kRows * Columns / kGroup;  // outputs a thread writes, at most
  static_assert(kPieceSteps % kAhead == 0);
  using Slots = Ring<kRingBytes / kSlotBytes, kSlotBytes>;
  static constexpr std::size_t kPartBytes = kRows * Columns * sizeof(float);  // a group's sums

  __device__ __forceinline__ static Slots slotsOf(int group, int groups) {
    unsigned char* const barriers = cuda::sharedMemory() + groups * Slots::kBytes;
    return Slots(cuda::sharedMemory() + group * Slots::kBytes, barriers + group * Slots::kBarrierBytes);
  }
  __device__ __forceinline__ static float* partsOf(int groups) {
    return reinterpret_cast<float*>(cuda::sharedMemory() + groups * (Slots::kBytes + Slots::kBarrierBytes));
  }
  static constexpr std::size_t sharedBytes(int groups) {
    return static_cast<std::size_t>(groups) * (Slots::kBytes + Slots::kBarrierBytes + kPartBytes);
  }
};

// One thread fills the rings of all groups. A step beyond K brings nothing.
template <class T>
__device__ __forceinline__ void load(const TensorMap& w, const FewShape& s, int output) {
  typename T::Slots ring = T::slotsOf(0, s.groups);
  for (int step = 0; step < s.steps; step++) {
    for (int group = 0; group < s.groups; group++) {
      typename T::Slots own = T::slotsOf(group, s.groups);
      own.slot = ring.slot;
      wait(own.empty(), ring.parity ^ 1U);
      const std::int64_t column = columnOf(s, group, step);
      if (column < s.k) {
        expectBytes(own.full(), T::kSlotBytes);
        tmaLoad2d(own.data(), w, own.full(), output, static_cast<int>(column));
      } else {
        arrive(own.full());
      }
    }
    ring.next();
  }
}

// A warp group that multiplies.
template <int kColumns, int kHalves>
__device__ __forceinline__ void multiplyAll(const Target& target, const float* x, const FewShape& s, std::int64_t output) {
  using T = FewTiling<kColumns, kHalves>;
  float* const parts = T::partsOf(s.groups);
  const int group = static_cast<int>(threadIdx.x) / kGroup, thread = static_cast<int>(threadIdx.x) % kGroup;
  typename T::Slots ring = T::slotsOf(group, s.groups);
  float sums[kColumns / 2] = {}, totals[T::kOwned] = {};
  Columns<kHalves> columns[T::kAhead];
#pragma unroll
  for (int d = 0; d < T::kAhead; d++) columns[d].load(x, s, thread, columnOf(s, group, d));
  for (int base = 0; base < s.steps; base += T::kAhead) {
#pragma unroll
    for (int d = 0; d < T::kAhead; d++) {
      const int step = base + d;
      if (step >= s.steps) continue;
      wait(ring.full(), ring.parity);
      if (columnOf(s, group, step) < s.k) {
        std::uint32_t a[kInstructions][4];
        columns[d].operands(a);
        columns[d].load(x, s, thread, columnOf(s, group, step + T::kAhead));
        fence();
#pragma unroll
        for (int i = 0; i < kInstructions; i++) {
          wgmma<kColumns>(sums, a[i], describeK(ring.data() + 32 * i), step % kPieceSteps + i > 0);
        }
        commit();
        waitProducts<0>();
        pin(sums);
      }
      __syncwarp();  // all lanes have seen the slot full
      if (thread % 32 == 0) arrive(ring.empty());
      ring.next();
    }
    const int done = base + T::kAhead < s.steps ? base + T::kAhead : s.steps;
    if (done % kPieceSteps != 0 && done != s.steps) continue;
    addPieces<T>(totals, sums, parts, s, base / kPieceSteps);
  }
  writeTotals<T>(target, totals, s, output);
}

struct Maps {
  TensorMap each[kFewOutputs];  // of the targets' weights
};

// Grid: tiles of outputs, one target after another. Threads: the groups that multiply, then the warp of the thread that loads.
template <int kColumns, int kHalves>
__global__ void __launch_bounds__(kMaxThreads)
    wgmmaFewKernel(const __grid_constant__ Targets targets, const float* x, const __grid_constant__ Maps maps, FewShape s) {
  using T = FewTiling<kColumns, kHalves>;
  if (!hasInstructions()) return;
  const int index = targets.ofBlock();
  const Target& target = targets.each[index];
  s.outputs = target.outputs;
  const int multiplying = s.groups * kGroup, output = static_cast<int>(blockIdx.x - target.firstBlock) * kColumns;
  if (threadIdx.x == 0) {
    for (int group = 0; group < s.groups; group++) T::slotsOf(group, s.groups).initialize(kGroup / 32);
    fenceBarriers();
  }
  __syncthreads();
  if (static_cast<int>(threadIdx.x) < multiplying) {
    multiplyAll<kColumns, kHalves>(target, x, s, output);
  } else if (static_cast<int>(threadIdx.x) == multiplying) {
    load<T>(maps.each[index], s, output);
  }
}

template <int kColumns, int kHalves>
void runFew(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  using T = FewTiling<kColumns, kHalves>;
  const FewShape s = fewShapeOf(x);
  const Targets targets = targetsOf(outputs, kColumns);
  Maps maps{};
  for (int i = 0; i < targets.count; i++) {
    const Target& target = targets.each[i];
    if (!mapMatrix(device, maps.each[i], target.w, target.outputs, s.wStride, s.wStride, kColumns)) return;
  }
  cuda::launch(device, "linear.forward", dim3(static_cast<unsigned>(targets.blocks)),
               dim3(static_cast<unsigned>(s.groups * kGroup + 32)), T::sharedBytes(s.groups), wgmmaFewKernel<kColumns, kHalves>,
               targets, x.f32(), maps, s);
}

}  // namespace

void wgmmaFewRows(CudaDevice& device, View x, std::span<const LinearOutput> outputs) {
  if (isCode(outputs[0].w.dtype)) return wgmmaFewRowsOfCodes(device, x, outputs);
  // Many outputs to a block read x less often; few give every multiprocessor a block.
  const bool isWide = outputsOf(outputs) >= 64 * device.multiprocessors();
  if (x.rows <= 8) return isWide ? runFew<64, 1>(device, x, outputs) : runFew<16, 1>(device, x, outputs);
  return isWide ? runFew<64, 2>(device, x, outputs) : runFew<16, 2>(device, x, outputs);
}

}  // namespace agl
