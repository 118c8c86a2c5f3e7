// The forest planner: sequences that share a token prefix share it (Law 2). The batch becomes a forest in which each distinct prefix is one
// row, laid out depth first; a row's keys are its ancestors' rows, a list of ranges. A sequence of T tokens has T - 1 predictions: the row of
// its prefix of length t predicts token t. Its last token is predicted but never an input, so it has no row of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/key_runs.h"

namespace agl {

// Sequences laid end to end: sequence i is tokens[offsets[i] .. offsets[i + 1]), each of at least two tokens.
struct Sequences {
  std::span<const std::int32_t> tokens;
  std::span<const std::int32_t> offsets;

  std::size_t count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  std::span<const std::int32_t> at(std::size_t i) const {
    return tokens.subspan(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
  }
};

struct Forest {
  std::vector<std::int32_t> tokens;     // by row
  std::vector<std::int32_t> positions;  // by row
  std::vector<AttentionTile> tiles;
  std::vector<KeyRun> runs;
  // Every row predicts. Predictions of row r are targets [targetBegins[r], targetBegins[r + 1]): its distinct next tokens.
  std::vector<std::int32_t> targetBegins;
  std::vector<std::int32_t> targets;
  // For each sequence its T - 1 predictions as indices into targets, laid end to end; and the row that makes each.
  std::vector<std::int32_t> predictions;
  std::vector<std::int32_t> predictionRows;

  std::int64_t rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

Forest plantForest(const Sequences& sequences);

// How a batch is cut into micro-batches of at most `budget` distinct rows: sequences in forest order, greedily, so that a tree over the
// budget is cut between its branches. Engines that share the work take rounds of `shares` micro-batches: as many rounds as the budget asks for,
// their largest micro-batch as small as cuts in this order can make it, though a prefix be computed by several. A function of the batch, the
// budget and the shares alone.
struct Division {
  std::vector<std::int32_t> order;  // sequence indices
  std::vector<std::int32_t> ends;   // micro-batch m is order[ends[m - 1] .. ends[m])
  std::int64_t distinct = 0;        // rows of the uncut forest
  std::int64_t repeated = 0;        // rows computed again because of cuts
};

Division divideBatch(const Sequences& sequences, std::int64_t budget, std::size_t shares = 1);

}  // namespace agl
