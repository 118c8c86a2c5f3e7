// What the host decides for attention's gradients on a device: which queries see which keys, in blocks of keys, and how the
// scratch is divided. A list, no table of rows by tiles: a prefix that many branches share names each branch's tiles once
// for each of its blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/attention/attention.h"

namespace agl {

// Rows [slot, slot + rows) of k and v, each of them named by some run, and visits [firstVisit, firstVisit + visits).
struct AttentionKeyBlock {
  static constexpr std::int32_t kRows = 128;
  std::int32_t slot;
  std::int32_t rows;
  std::int32_t firstVisit;
  std::int32_t visits;
};

// A tile that reads rows [first, first + count) of a block: they are its positions position, position + 1, ... At least its
// last query sees the first of them.
struct AttentionVisit {
  std::int32_t tile;
  std::int32_t position;
  std::int32_t first;
  std::int32_t count;
};

struct AttentionBackwardPlan {
  std::vector<AttentionKeyBlock> blocks;  // slots ascending
  std::vector<AttentionVisit> visits;     // of a block in the order of the tiles
  std::vector<std::int32_t> rowsBefore;   // queries' rows of the tiles before each, then all of them
};

AttentionBackwardPlan planAttentionBackward(std::span<const AttentionTile> tiles, std::span<const KeyRun> runs);

// A call's scratch: {lse, delta} of every query, then in bf16 its q and its dout, padded to a width of the tensor cores'.
struct AttentionBackwardScratch {
  static constexpr std::int64_t kWidest = 128;

  AttentionBackwardScratch(std::int64_t rows, const AttentionShape& shape, Dtype keys);
  std::size_t numbersBytes() const { return (queries * 2 * sizeof(float) + 255) / 256 * 256; }
  std::size_t bytes() const { return numbersBytes() + 2 * queries * padded * sizeof(std::uint16_t); }

  std::size_t queries;  // of all heads
  std::size_t padded;   // numbers of a row in bf16, 0 in f32
};

}  // namespace agl
