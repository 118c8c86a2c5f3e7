// What the kernels of attention's gradients share: how queries are counted, which of them see a block of keys, and where a
// tile's keys lie.
//   Queries of one kv head are counted through rows and heads of its group: query i is row i / group, head i % group, so
//   that those of consecutive rows are consecutive. A tile's queries count from its first row.
#pragma once

#include <climits>
#include <cstdint>

#include "core/cuda.h"
#include "ops/attention/attention_backward_plan.h"
#include "ops/attention/attention_on_device.h"

namespace agl {

struct AttentionGradientSizes {
  std::int64_t queries;  // of a kv head
  std::int32_t group, headSize, tiles;
  std::int32_t partQueries;  // of a tile, whose sum dk and dv take in one addition
  float scale;
};

// One call of backward, as both arithmetics launch it.
struct AttentionGradients {
  View dq, dk, dv, dout, q, k, v;
  const AttentionOnDevice::Backward& plan;
  AttentionGradientSizes sizes;
  std::uint32_t kvHeads;
  // Written by the kernel before these, [kvHead][query]: lse and delta; q and dout in bf16, padded with zeros.
  const float2* numbers;
  const std::uint16_t* qBf16;
  const std::uint16_t* doutBf16;
  std::size_t padded;  // numbers of their rows

  // Blocks that hold all queries of one kv head, `own` each (queryBlock).
  std::uint32_t queryBlocks(std::int64_t own) const {
    return static_cast<std::uint32_t>(plan.rows * sizes.group / own + sizes.tiles);
  }
};

void attentionGradientsF32(CudaDevice& device, const AttentionGradients& g);
void attentionGradientsBf16(CudaDevice& device, const AttentionGradients& g);

// --- of the kernels ---

__device__ inline std::int32_t atMost(std::int32_t a, std::int32_t b) { return a < b ? a : b; }

// Queries [first, first + count) of a tile; none where count <= 0.
struct QueryBlock {
  AttentionTile tile;
  std::int32_t first, count;
};

// Block blockIdx.x of `own` queries. Tile t's blocks begin at rowsBefore[t] group / own + t, which leaves it enough of them
// for every group and needs no list of blocks.
__device__ inline QueryBlock queryBlock(std::int32_t own, const AttentionTile* tiles, const std::int32_t* rowsBefore,
                                        const AttentionGradientSizes& sizes) {
  const auto firstBlock = [&](std::int32_t t) { return rowsBefore[t] * sizes.group / own + t; };
  const std::int32_t index = static_cast<std::int32_t>(blockIdx.x);
  std::int32_t low = 0, high = sizes.tiles;
  while (high - low > 1) {
    const std::int32_t middle = (low + high) / 2;
    (firstBlock(middle) <= index ? low : high) = middle;
  }
  QueryBlock block = {tiles[low], (index - firstBlock(low)) * own, 0};
  block.count = atMost(own, block.tile.rows * sizes.group - block.first);
  return block;
}

// Walks a tile's runs to ever later positions.
struct SlotCursor {
  const KeyRun* run;
  std::int32_t begin;  // the position of its first key

  __device__ std::int32_t slotAt(std::int32_t position) {
    while (position >= begin + run->count) {
      begin += run->count;
      run++;
    }
    return run->slot + (position - begin);
  }
};

// The queries that may see a block's keys, in the order of the tiles, at most `step` of them at a time and never of two parts.
struct QueryWalk {
  const AttentionVisit* visit;
  const AttentionVisit* end;
  const AttentionTile* tiles;
  std::int32_t group, step, partQueries;
  AttentionVisit seen = {};
  AttentionTile tile = {};
  std::int32_t query = 0, count = 0;

  __device__ QueryWalk(const AttentionKeyBlock& block, const AttentionVisit* visits, const AttentionTile* all,
                       const AttentionGradientSizes& sizes, std::int32_t most)
      : visit(visits + block.firstVisit), end(visit + block.visits), tiles(all), group(sizes.group), step(most),
        partQueries(sizes.partQueries) {
    enter();
  }
  __device__ bool done() const { return visit == end; }
  // Query i of these: its number of the kv head, and its position, -1 beyond the last.
  __device__ std::int64_t number(std::int32_t i) const { return std::int64_t{tile.row} * group + query + i; }
  __device__ std::int32_t position(std::int32_t i) const { return i < count ? tile.position + (query + i) / group : -1; }
  __device__ bool partEnds() const {
    return query + count == tile.rows * group || (query + count) % partQueries == 0;
  }
  __device__ void next() {
    query += count;
    if (query == tile.rows * group) {
      visit++;
      enter();
    } else {
      cut();
    }
  }

 private:
  __device__ void enter() {
    if (done()) return;
    seen = *visit;
    tile = tiles[seen.tile];
    query = seen.position > tile.position ? (seen.position - tile.position) * group : 0;
    cut();
  }
  __device__ void cut() {
    count = atMost(atMost(step, tile.rows * group - query), partQueries - query % partQueries);
  }
};

}  // namespace agl
