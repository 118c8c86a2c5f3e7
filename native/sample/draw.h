// Drawing one token from a row of logits. The log-probability is that of the full distribution at the row's temperature (1 when greedy), before
// any filter (Law 1); the draw is the inverse of the cumulative distribution at a Philox number that depends on what it is for (Law 6).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/ops.h"

namespace agl {

struct DrawOptions {
  float temperature = 1;  // 0 takes the most probable token, the lowest id among equals
  double topP = 1;
  std::int64_t topK = 0;  // 0 keeps all
  double minP = 0;        // of the largest probability; filters apply in the order top-k, top-p, min-p
  std::int64_t topLogprobs = 0;  // most probable tokens to name beside each draw, before any filter
};

struct TokenLogprob {
  std::int32_t token;
  float logprob;
};

// What the random number of a draw depends on.
struct DrawKey {
  std::uint64_t seed;
  std::uint64_t promptHash;
  std::uint32_t choice;
  std::uint32_t position;
};

struct Drawn {
  std::int32_t token;
  float logprob;
  std::vector<TokenLogprob> top;  // by falling probability, lower ids first among equals
};

std::uint64_t hashTokens(std::span<const std::int32_t> tokens);

// Statistics of one row after each vocabulary block: the last is the row's, the others locate a draw.
struct RowStatistics {
  std::vector<float> byBlock;  // 3 numbers a block
  const float* total() const { return byBlock.data() + byBlock.size() - 3; }
};

RowStatistics gatherStatistics(Context& context, View logits, float inverseTemperature);

// logits (1,V).
Drawn draw(View logits, const RowStatistics& statistics, const DrawOptions& options, const DrawKey& key);

}  // namespace agl
