// Gradients of attention on a device: one kernel for every query's delta (and its q and dout in bf16), one for dq over blocks
// of queries, one for dk and dv over blocks of keys. No sum is divided between blocks, so every sum has one order.
#include "ops/attention/attention_backward.h"

#include "ops/attention/attention_backward.cuh"
#include "ops/cuda.h"

namespace agl {

namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 16;  // threads of a query

// numbers = {lse, dout . out in 16 lanes, then one fixed tree}; qBf16 and doutBf16 (null: not wanted) hold `padded` numbers.
__global__ void __launch_bounds__(kThreads)
    prepareQueries(float2* numbers, std::uint16_t* qBf16, std::uint16_t* doutBf16, const float* q, std::int64_t qStride,
                   const float* dout, std::int64_t doutStride, const float* out, std::int64_t outStride, const float* lse,
                   std::int64_t lseStride, std::int64_t rows, std::int32_t heads, std::int32_t group,
                   std::int32_t headSize, std::int32_t padded) {
  const std::int64_t item = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) / kLanes;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const bool present = item < rows * heads;
  const std::int64_t row = item / heads, head = item % heads, column = head * headSize;
  const std::int64_t query = head / group * rows * group + row * group + head % group;
  float sum = 0.0F;
  for (int d = lane; present && d < headSize; d += kLanes) {
    sum = __fmaf_rn(dout[row * doutStride + column + d], out[row * outStride + column + d], sum);
  }
  for (int apart = kLanes / 2; apart > 0; apart /= 2) {
    sum = __fadd_rn(sum, __shfl_xor_sync(0xffffffffU, sum, apart));
  }
  if (!present) return;
  if (lane == 0) numbers[query] = make_float2(lse[row * lseStride + head], sum);
  for (int d = lane; qBf16 != nullptr && d < padded; d += kLanes) {
    const bool inside = d < headSize;
    qBf16[query * padded + d] = inside ? cuda::toBf16(q[row * qStride + column + d]) : std::uint16_t{0};
    doutBf16[query * padded + d] = inside ? cuda::toBf16(dout[row * doutStride + column + d]) : std::uint16_t{0};
  }
}

// Of a host's array, in the device's memory.
template <class T>
const T* stagedArray(Device& device, std::span<const T> host) {
  return staged(device, host).data();
}

}  // namespace

AttentionOnDevice::Backward prepareAttentionBackward(Device& device, std::span<const AttentionTile> tiles,
                                                     std::span<const KeyRun> runs) {
  const AttentionBackwardPlan plan = planAttentionBackward(tiles, runs);
  AttentionOnDevice::Backward to;
  to.tiles = stagedArray(device, tiles);
  to.runs = stagedArray(device, runs);
  to.rowsBefore = stagedArray(device, std::span<const std::int32_t>(plan.rowsBefore));
  to.keyBlocks = stagedArray(device, std::span<const AttentionKeyBlock>(plan.blocks));
  to.visits = stagedArray(device, std::span<const AttentionVisit>(plan.visits));
  to.tileCount = static_cast<std::int64_t>(tiles.size());
  to.rows = plan.rowsBefore.back();
  to.keyBlockCount = static_cast<std::int64_t>(plan.blocks.size());
  return to;
}

void cudaAttentionBackward(Context& context, View dq, View dk, View dv, View dout, View out, View lse, View q, View k,
                           View v, const AttentionWork& work, AttentionShape shape) {
  const AttentionOnDevice::Backward& plan = work.device.backward;
  if (plan.tileCount == 0) return;
  CudaDevice& device = cudaDevice(context);
  const bool bf16 = k.dtype == Dtype::bf16;
  if (bf16 && shape.headSize > AttentionBackwardScratch::kWidest) {
    device.note("attention.backward in bf16: expected heads of at most 128", cudaErrorInvalidValue);
    return;
  }
  const AttentionBackwardScratch layout(q.rows, shape, k.dtype);
  unsigned char* const scratch = static_cast<unsigned char*>(device.scratch(layout.bytes()));
  if (scratch == nullptr) return;  // the device keeps why
  float2* const numbers = reinterpret_cast<float2*>(scratch);
  std::uint16_t* const qBf16 = bf16 ? reinterpret_cast<std::uint16_t*>(scratch + layout.numbersBytes()) : nullptr;
  std::uint16_t* const doutBf16 = bf16 ? qBf16 + layout.queries * layout.padded : nullptr;
  const auto heads = static_cast<std::int32_t>(shape.heads), headSize = static_cast<std::int32_t>(shape.headSize);
  const auto group = static_cast<std::int32_t>(shape.heads / shape.kvHeads);
  const auto blocks = static_cast<std::uint32_t>((layout.queries * kLanes + kThreads - 1) / kThreads);
  cuda::launch(device, "attention.backward", dim3(blocks), dim3(kThreads), 0, prepareQueries, numbers, qBf16, doutBf16,
               q.f32(), q.stride, dout.f32(), dout.stride, out.f32(), out.stride, lse.f32(), lse.stride, q.rows, heads,
               group, headSize, static_cast<std::int32_t>(layout.padded));
  const auto partQueries = static_cast<std::int32_t>(attentionTaskRows(shape)) * group;
  const AttentionGradients gradients = {
      dq, dk, dv, dout, q, k, v, plan,
      {q.rows * group, group, headSize, static_cast<std::int32_t>(plan.tileCount), bf16 ? INT_MAX : partQueries, shape.scale},
      static_cast<std::uint32_t>(shape.kvHeads), numbers, qBf16, doutBf16, layout.padded};
  (bf16 ? attentionGradientsBf16 : attentionGradientsF32)(device, gradients);
}

}  // namespace agl
