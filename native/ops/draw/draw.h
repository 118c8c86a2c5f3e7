// Drawing one token from each row of logits. The log-probability is that of the full distribution at the row's temperature
// (1 when greedy), before any filter (Law 1); the draw is the inverse of the cumulative distribution at a Philox number
// that depends on what it is for (Law 6).
//   A token's weight is exp(l t - max) in whole steps of 2^-44, rounded up: sums of weights are exact, so that whatever
//   order they are summed in, on whatever device, the same token is drawn.
//   unfiltered  the vocabulary block in which the mass of log_softmax.h passes u of the whole; in it, by ascending id
//   filtered    by falling logit, lower ids first among equals: the topK first; the fewest that weigh topP of those (without
//               top-k, of s of log_softmax.h); of these the ones at least minP as probable as the first
//   masked      as if the logits of all other tokens were minus infinity; the log-probability and the top list do not know of it
// A row with a logit that is not a number has token 0, a log-probability that is not a number, and no top list; so
// has one whose allowed tokens are all impossible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/view.h"
#include "ops/context.h"

namespace agl {

struct DrawOptions {
  float temperature = 1;  // 0 takes the most probable token, the lowest id among equals
  double topP = 1;
  std::int64_t topK = 0;  // 0 keeps all
  double minP = 0;        // of the largest probability; filters apply in the order top-k, top-p, min-p
  std::int64_t topLogprobs = 0;  // most probable tokens to name beside each draw, before any filter
};

// What the random number of a draw depends on.
struct DrawKey {
  std::uint64_t seed;
  std::uint64_t promptHash;
  std::uint32_t choice;
  std::uint32_t position;
};

struct DrawRow {
  DrawOptions options;
  DrawKey key;
  const std::uint64_t* allowed = nullptr;  // a bit for each token, on the host; null allows all
};

struct TokenLogprob {
  std::int32_t token;
  float logprob;
};

struct Drawn {
  std::int32_t token;
  float logprob;
  float mass = 1;                 // probability of what is allowed, at the row's temperature
  std::vector<TokenLogprob> top;  // by falling probability, lower ids first among equals
};

struct Draw {
  // logits (R,V), V at most 2^19; one row of `rows` and one result for each, on the host. Waits for the results.
  // The logits of a masked row are overwritten.
  void (*forward)(Context&, std::span<Drawn> drawn, View logits, std::span<const DrawRow> rows);
};

// --- internal ---

extern const Draw kCpuDraw;
extern const Draw kCudaDraw;

enum class DrawKind : std::int32_t { greedy, whole, filtered };

// A row of a draw in numbers: what is left depends on its logits alone.
struct DrawPlan {
  double u;  // uniform in [0, 1)
  double topP;
  double minP;
  std::int64_t topK;  // at most V; 0 keeps all
  std::int32_t topLogprobs;
  float inverseTemperature;
  DrawKind kind;
  const std::uint64_t* allowed;  // where the row's logits are; null allows all
};

constexpr std::int64_t kDrawStatisticsBytes = 16;
constexpr std::int64_t kDrawEntryBytes = 16;

DrawPlan planDraw(const DrawRow& row, std::int64_t vocabulary);
// Scratch of forward on a CUDA device when no row names more than `topLogprobs` tokens: statistics for each row and block
// of the vocabulary, whole and masked, an entry for each token drawn or named.
std::size_t drawCudaScratchBytes(std::int64_t rows, std::int64_t vocabulary, std::int64_t topLogprobs);

}  // namespace agl
