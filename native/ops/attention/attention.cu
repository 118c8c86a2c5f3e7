// Attention on a CUDA device: a pass's tiles and runs as its kernels read them, and which kernel a forward takes.
#include <algorithm>
#include <span>
#include <vector>

#include "ops/attention/attention_backward.h"
#include "ops/attention/attention_cuda.h"
#include "ops/cuda.h"

namespace agl {
namespace {

using Tile = AttentionOnDevice::Tile;
using Stretch = AttentionOnDevice::Stretch;
using Prefix = AttentionOnDevice::Prefix;

std::int64_t chunksOf(const Tile& tile) {
  return (tile.position + tile.rows + Attention::kChunk - 1) / Attention::kChunk;
}

// Tiles of one sequence share their stretches.
struct Plan {
  std::vector<Tile> tiles;
  std::vector<Stretch> stretches;
};

void appendStretches(Plan& plan, std::span<const KeyRun> runs) {
  std::int32_t position = 0;
  for (const KeyRun& run : runs) {
    if (run.count > 0) plan.stretches.push_back({position, run.slot});
    position += run.count;
  }
}

Plan planOf(const AttentionWork& work) {
  Plan plan;
  const AttentionTile* before = nullptr;
  std::size_t first = 0;
  for (const AttentionTile& tile : work.tiles) {
    if (before == nullptr || before->firstRun != tile.firstRun || before->runs != tile.runs) {
      first = plan.stretches.size();
      appendStretches(plan, work.runs.subspan(static_cast<std::size_t>(tile.firstRun), static_cast<std::size_t>(tile.runs)));
    }
    before = &tile;
    constexpr auto most = static_cast<std::int32_t>(AttentionOnDevice::kTileRows);
    for (std::int32_t row = 0; row < tile.rows; row += most) {
      plan.tiles.push_back({tile.row + row, std::min(most, tile.rows - row), tile.position + row,
                            static_cast<std::int32_t>(first), static_cast<std::int32_t>(plan.stretches.size() - first), 0});
    }
  }
  return plan;
}

// Few rows first, so that a prefix of the tiles is a kind of work; then many keys, so that the longest do not end last.
void order(std::vector<Tile>& tiles) {
  std::stable_sort(tiles.begin(), tiles.end(), [](const Tile& a, const Tile& b) {
    return a.rows != b.rows ? a.rows < b.rows : a.position > b.position;
  });
}

// Counts each tile where it stands, and gives it its place among the partial results.
void count(AttentionOnDevice& pass, std::vector<Tile>& tiles) {
  Prefix so = {};
  for (Tile& tile : tiles) {
    tile.partial = so.partials;
    so.tiles++;
    so.chunks += chunksOf(tile);
    so.partials += tile.rows * chunksOf(tile);
    so.longest = std::max(so.longest, chunksOf(tile));
    pass.upTo[tile.rows] = so;
  }
  for (std::size_t rows = 1; rows < std::size(pass.upTo); rows++) {
    if (pass.upTo[rows].tiles == 0) pass.upTo[rows] = pass.upTo[rows - 1];
  }
}

void prepare(Context& context, AttentionWork& work, bool withBackward) {
  Plan plan = planOf(work);
  order(plan.tiles);
  work.device = {};
  count(work.device, plan.tiles);
  work.device.tiles = staged(context.device, std::span<const Tile>(plan.tiles)).data();
  work.device.stretches = staged(context.device, std::span<const Stretch>(plan.stretches)).data();
  if (withBackward) work.device.backward = prepareAttentionBackward(context.device, work.tiles, work.runs);
}

void forward(Context& context, View out, View lse, View q, View k, View v, const AttentionWork& work,
             AttentionShape shape) {
  const cuda::AttentionForward call = {out, lse, q, k, v, work.device, shape};
  const auto run = k.dtype == Dtype::bf16 ? cuda::attentionForwardBf16 : cuda::attentionForwardF32;
  run(cudaDevice(context), call);
}

}  // namespace

const Attention kCudaAttention = {prepare, forward, cudaAttentionBackward};

}  // namespace agl
