// The queries and keys of one pass as a CUDA device reads them: pointers into its memory (staged), counts on the host.
// Attention's prepare writes it; on the CPU it stays empty.
#pragma once

#include <cstdint>

namespace agl {

struct AttentionKeyBlock;
struct AttentionTile;
struct AttentionVisit;
struct KeyRun;

struct AttentionOnDevice {
  static constexpr std::int64_t kTileRows = 32;  // at most

  // An AttentionTile's rows or some of them: rows [row, row + rows) of q at `position`, ..., whose keys are stretches
  // [firstStretch, firstStretch + stretches). Its partial results begin at number `partial` heads, if they are kept.
  struct Tile {
    std::int32_t row, rows, position, firstStretch, stretches;
    std::int64_t partial;
  };
  // Positions from `position` up to the next stretch's lie in consecutive rows of k and v, from row `slot` on.
  struct Stretch {
    std::int32_t position, slot;
  };
  // The first `tiles` tiles: together `chunks` of them and `partials` of (row, chunk), each with at most `longest` chunks.
  struct Prefix {
    std::int64_t tiles, chunks, partials, longest;
  };

  const Tile* tiles = nullptr;  // few rows first, then many keys first
  const Stretch* stretches = nullptr;
  Prefix upTo[kTileRows + 1] = {};  // the tiles of at most as many rows

  // What the gradients read (attention_backward_plan.h); written where a backward follows.
  struct Backward {
    const AttentionTile* tiles = nullptr;  // as they were given
    const KeyRun* runs = nullptr;
    const std::int32_t* rowsBefore = nullptr;
    const AttentionKeyBlock* keyBlocks = nullptr;
    const AttentionVisit* visits = nullptr;
    std::int64_t tileCount = 0;
    std::int64_t rows = 0;  // of all tiles
    std::int64_t keyBlockCount = 0;
  };
  Backward backward;
};

}  // namespace agl
