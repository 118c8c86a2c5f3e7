#include "ops/attention/attention_backward_plan.h"

#include <algorithm>

namespace agl {

namespace {

// Calls visit(tile index, first position, run cut to the positions that the tile's queries see) for all tiles in order.
template <class Visit>
void forEachRun(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs, Visit visit) {
  for (std::size_t t = 0; t < tiles.size(); t++) {
    const AttentionTile& tile = tiles[t];
    const std::int32_t keys = tile.position + tile.rows;
    std::int32_t position = 0;
    for (std::int32_t r = 0; r < tile.runs && position < keys; r++) {
      const KeyRun& run = runs[static_cast<std::size_t>(tile.firstRun + r)];
      const std::int32_t count = std::min(run.count, keys - position);
      if (count > 0) visit(static_cast<std::int32_t>(t), position, KeyRun{run.slot, count});
      position += count;
    }
  }
}

// The slots that some run names, in blocks.
std::vector<AttentionKeyBlock> blocksOf(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs) {
  std::vector<KeyRun> named;
  forEachRun(tiles, runs, [&](std::int32_t, std::int32_t, KeyRun run) { named.push_back(run); });
  std::sort(named.begin(), named.end(), [](const KeyRun& a, const KeyRun& b) { return a.slot < b.slot; });
  std::vector<AttentionKeyBlock> blocks;
  for (std::size_t i = 0; i < named.size();) {
    std::int32_t slot = named[i].slot, end = slot;
    for (; i < named.size() && (named[i].slot <= end); i++) end = std::max(end, named[i].slot + named[i].count);
    for (; slot < end; slot += AttentionKeyBlock::kRows) {
      blocks.push_back({slot, std::min(AttentionKeyBlock::kRows, end - slot), 0, 0});
    }
  }
  return blocks;
}

// Calls visit(block, visit) for every block that each run of each tile meets, in the order of the tiles.
template <class Visit>
void forEachVisit(std::span<AttentionKeyBlock> blocks, std::span<const AttentionTile> tiles, std::span<const KeyRun> runs,
                  Visit visit) {
  forEachRun(tiles, runs, [&](std::int32_t tile, std::int32_t position, KeyRun run) {
    auto block = std::upper_bound(blocks.begin(), blocks.end(), run.slot,
                                  [](std::int32_t slot, const AttentionKeyBlock& b) { return slot < b.slot; }) - 1;
    for (const std::int32_t end = run.slot + run.count; block != blocks.end() && block->slot < end; ++block) {
      const std::int32_t from = std::max(run.slot, block->slot), to = std::min(end, block->slot + block->rows);
      visit(*block, AttentionVisit{tile, position + from - run.slot, from - block->slot, to - from});
    }
  });
}

}  // namespace

AttentionBackwardPlan planAttentionBackward(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs) {
  AttentionBackwardPlan plan;
  plan.rowsBefore.push_back(0);
  for (const AttentionTile& tile : tiles) plan.rowsBefore.push_back(plan.rowsBefore.back() + tile.rows);
  plan.blocks = blocksOf(tiles, runs);
  forEachVisit(plan.blocks, tiles, runs, [](AttentionKeyBlock& block, const AttentionVisit&) { block.visits++; });
  std::int32_t visits = 0;
  for (AttentionKeyBlock& block : plan.blocks) {
    block.firstVisit = visits;
    visits += block.visits;
    block.visits = 0;
  }
  plan.visits.resize(static_cast<std::size_t>(visits));
  forEachVisit(plan.blocks, tiles, runs, [&](AttentionKeyBlock& block, const AttentionVisit& visit) {
    plan.visits[static_cast<std::size_t>(block.firstVisit + block.visits++)] = visit;
  });
  return plan;
}

AttentionBackwardScratch::AttentionBackwardScratch(std::int64_t rows, const AttentionShape& shape, Dtype keys)
    : queries(static_cast<std::size_t>(rows * shape.heads)), padded(0) {
  if (keys != Dtype::bf16) return;
  padded = shape.headSize <= 64 ? 64 : shape.headSize <= 80 ? 80 : shape.headSize <= 96 ? 96 : kWidest;
}

std::size_t attentionBackwardScratchBytes(std::int64_t rows, const AttentionShape& shape, Dtype keys) {
  return AttentionBackwardScratch(rows, shape, keys).bytes();
}

}  // namespace agl
