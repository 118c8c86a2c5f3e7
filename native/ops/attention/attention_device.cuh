// What the kernels of attention's forward share: which queries and keys a block has, and how partial results become one.
#pragma once

#include <limits>

#include "core/cuda.h"
#include "core/elementary.cuh"
#include "ops/attention/attention_cuda.h"

namespace agl::cuda {

constexpr int kAttentionChunk = static_cast<int>(Attention::kChunk);
constexpr float kUnseen = -std::numeric_limits<float>::infinity();  // the score of a key that a query does not see

struct AttentionSizes {
  int heads, group, headSize;
  float scale;
  int blocks;  // of a tile and kv head
  std::int64_t out, lse, q, k, v;  // strides
};

inline AttentionSizes attentionSizes(const AttentionForward& call, std::int64_t blocks) {
  const AttentionShape& shape = call.shape;
  return {static_cast<int>(shape.heads), static_cast<int>(shape.heads / shape.kvHeads), static_cast<int>(shape.headSize),
          shape.scale, static_cast<int>(blocks), call.out.stride, call.lse.stride, call.q.stride, call.k.stride,
          call.v.stride};
}

__device__ __forceinline__ int atMost(int a, int b) { return a < b ? a : b; }

// The (row, head) pairs of a block: pairs [first, first + count) of one tile and kv head, in the order of rows.
struct AttentionQueries {
  AttentionOnDevice::Tile tile;
  int kvHead, group, first, count;

  // blockIdx.x counts blocks of tiles, blockIdx.y kv heads; count <= 0 where the tile has fewer queries.
  __device__ AttentionQueries(const AttentionOnDevice::Tile* tiles, const AttentionSizes& sizes, int queries)
      : tile(tiles[blockIdx.x / static_cast<unsigned>(sizes.blocks)]),
        kvHead(static_cast<int>(blockIdx.y)),
        group(sizes.group),
        first(static_cast<int>(blockIdx.x) % sizes.blocks * queries),
        count(atMost(queries, tile.rows * group - first)) {}

  __device__ std::int64_t row(int i) const { return tile.row + (first + i) / group; }
  __device__ int head(int i) const { return kvHead * group + (first + i) % group; }
  // Positions that pair i sees.
  __device__ int keys(int i) const { return tile.position + (first + i) / group + 1; }
};

// The row of k and v that holds a position; the last stretch that begins at or before it has it.
__device__ __forceinline__ int attentionSlot(const AttentionOnDevice::Stretch* stretches, int count, int position) {
  int low = 0;
  for (int high = count; high - low > 1;) {
    const int middle = (low + high) / 2;
    if (stretches[middle].position <= position) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return stretches[low].slot + position - stretches[low].position;
}

// Partial results of (row, head) at one chunk: maximum, sum, and headSize numbers of o.
__device__ __forceinline__ float* attentionPartial(float* partials, const AttentionOnDevice::Tile& tile,
                                                   const AttentionSizes& sizes, int row, int head, int chunk) {
  const int chunks = (tile.position + tile.rows + kAttentionChunk - 1) / kAttentionChunk;
  const std::int64_t before = tile.partial * sizes.heads + (row * sizes.heads + head) * chunks;
  return partials + (before + chunk) * (sizes.headSize + 2);
}

// The one function that joins a later chunk's partial result to those before it.
struct AttentionMerge {
  float before, later;
  __device__ float operator()(float o, float partial) const {
    return __fadd_rn(__fmul_rn(o, before), __fmul_rn(partial, later));
  }
};
__device__ __forceinline__ AttentionMerge attentionMerge(float& maximum, float& sum, float laterMaximum, float laterSum) {
  const float most = maximum > laterMaximum ? maximum : laterMaximum;
  const AttentionMerge merge = {exp(__fadd_rn(maximum, -most)), exp(__fadd_rn(laterMaximum, -most))};
  sum = merge(sum, laterSum);
  maximum = most;
  return merge;
}

}  // namespace agl::cuda
