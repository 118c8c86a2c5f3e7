// Between the files of attention on a CUDA device: what attention.cu divides the work into and calls.
#pragma once

#include "core/cuda_device.h"
#include "ops/attention/attention.h"

namespace agl::cuda {

struct AttentionForward {
  View out, lse, q, k, v;
  const AttentionOnDevice& pass;
  AttentionShape shape;
};

// Partial results of (row, head, chunk) that may be kept at once: beyond that, blocks walk all chunks.
constexpr std::int64_t kAttentionPartials = std::int64_t{1} << 17;
inline std::size_t attentionPartialBytes(const AttentionShape& shape, std::int64_t partials) {
  return static_cast<std::size_t>(partials * (shape.headSize + 2)) * sizeof(float);
}

// In the CPU's bits.   attention_f32.cu
void attentionForwardF32(CudaDevice& device, const AttentionForward& call);
// Keys and values in bf16.   attention_bf16.cu
void attentionForwardBf16(CudaDevice& device, const AttentionForward& call);

// Blocks of at most `queries` (row, head) pairs of one kv head that a tile of `rows` rows has.
inline std::int64_t attentionBlocks(const AttentionShape& shape, std::int64_t rows, std::int64_t queries) {
  return (rows * (shape.heads / shape.kvHeads) + queries - 1) / queries;
}
// The rows of the longest tile among the first `tiles` ones.
inline std::int64_t attentionRows(const AttentionOnDevice& pass, std::int64_t tiles) {
  std::int64_t rows = 0;
  while (pass.upTo[rows].tiles < tiles) rows++;
  return rows;
}

}  // namespace agl::cuda
