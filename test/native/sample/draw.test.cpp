#include "sample/draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/philox.h"
#include "harness.h"
#include "ops/backends.h"

namespace agl::test {
namespace {

// Logits with ties, and a few far ahead of the rest.
Floats logitsOf(std::int64_t vocabulary) {
  Floats out = randomNumbers(vocabulary, 7);
  for (float& x : out) x = std::round(x * 24.0F) / 8.0F;
  for (std::size_t i = 0; i < out.size(); i += 97) out[i] += 4.0F;
  return out;
}

std::vector<std::int32_t> byProbability(const Floats& logits) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  return order;
}

struct Kept {
  std::vector<std::int32_t> tokens;
  std::vector<double> cumulative;
};

// Everything sorted and summed: top-k, then top-p of what is left, then min-p. Without top-k the whole mass is the row's float32 statistic.
Kept keptBy(const Floats& logits, const RowStatistics& statistics, const DrawOptions& options) {
  Kept kept{byProbability(logits), {}};
  const std::size_t most = options.topK > 0 ? static_cast<std::size_t>(options.topK) : logits.size();
  kept.tokens.resize(std::min(most, logits.size()));
  std::vector<double> weights;
  for (const std::int32_t token : kept.tokens) {
    const float above = logits[static_cast<std::size_t>(token)] - logits[static_cast<std::size_t>(kept.tokens[0])];
    weights.push_back(std::exp(static_cast<double>(above) / static_cast<double>(options.temperature)));
  }
  const double mass = options.topK > 0 ? std::accumulate(weights.begin(), weights.end(), 0.0)
                                       : static_cast<double>(statistics.total()[1]);
  double sum = 0;
  for (const double weight : weights) {
    if (!kept.cumulative.empty() && (sum >= options.topP * mass || weight < options.minP)) break;
    sum += weight;
    kept.cumulative.push_back(sum);
  }
  return kept;
}

std::int32_t expectedToken(const Kept& kept, double u) {
  for (std::size_t i = 0; i < kept.cumulative.size(); i++) {
    if (kept.cumulative[i] > u * kept.cumulative.back()) return kept.tokens[i];
  }
  return kept.tokens[kept.cumulative.size() - 1];
}

constexpr DrawOptions kFilters[] = {
    {.temperature = 1, .topP = 0.9, .topK = 0, .minP = 0, .topLogprobs = 0},
    {.temperature = 0.5, .topP = 0.999, .topK = 0, .minP = 0, .topLogprobs = 0},
    {.temperature = 2, .topP = 0, .topK = 0, .minP = 0, .topLogprobs = 0},
    {.temperature = 1, .topP = 1, .topK = 3, .minP = 0, .topLogprobs = 0},
    {.temperature = 1.5F, .topP = 1, .topK = 100000, .minP = 0, .topLogprobs = 0},
    {.temperature = 3, .topP = 0.6, .topK = 40, .minP = 0, .topLogprobs = 0},
    {.temperature = 1, .topP = 1, .topK = 0, .minP = 0.05, .topLogprobs = 0},
    {.temperature = 4, .topP = 0.7, .topK = 50, .minP = 0.5, .topLogprobs = 0},
    {.temperature = 1, .topP = 0.95, .topK = 0, .minP = 1, .topLogprobs = 0},
};

}  // namespace

TEST("a filtered draw takes the token that sorting and summing the whole vocabulary takes") {
  onEveryBackend([](Context& ctx) {
    for (const std::int64_t vocabulary : {1, 7, 368, 5003, 9000}) {
      const Floats logits = logitsOf(vocabulary);
      Floats row = logits;
      const View view = matrix(row.data(), 1, vocabulary);
      for (const DrawOptions& options : kFilters) {
        const RowStatistics statistics = gatherStatistics(ctx, view, 1.0F / options.temperature);
        const Kept kept = keptBy(logits, statistics, options);
        int different = 0;
        for (std::uint32_t position = 0; position < 60; position++) {
          const PhiloxBlock block = philox({1, 2, 3, position}, 4);
          const double u = uniform(block[0], block[1]);
          const Drawn drawn = draw(view, statistics, options, {4, 2ULL << 32 | 1ULL, 3, position});
          if (drawn.token != expectedToken(kept, u)) different++;
        }
        CHECK(different == 0);
      }
    }
  });
}

TEST("the tokens named beside a draw are the most probable, with the log-probabilities they would be drawn with") {
  onEveryBackend([](Context& ctx) {
    const Floats logits = logitsOf(5003);
    Floats row = logits;
    const View view = matrix(row.data(), 1, 5003);
    const std::vector<std::int32_t> order = byProbability(logits);
    for (const float temperature : {0.0F, 0.7F, 1.0F}) {
      const float inverse = temperature == 0 ? 1.0F : 1.0F / temperature;
      const RowStatistics statistics = gatherStatistics(ctx, view, inverse);
      const DrawOptions options{.temperature = temperature, .topP = 0.3, .topK = 2, .minP = 0, .topLogprobs = 20};
      const Drawn drawn = draw(view, statistics, options, {4, 2, 3, 1});
      CHECK(drawn.top.size() == 20);
      for (std::size_t i = 0; i < drawn.top.size(); i++) {
        CHECK(drawn.top[i].token == order[i]);
        const float logit = logits[static_cast<std::size_t>(order[i])];
        CHECK(drawn.top[i].logprob == logProbability(statistics.total(), logit, inverse));
        if (drawn.top[i].token == drawn.token) CHECK(drawn.top[i].logprob == drawn.logprob);
      }
    }
  });
}

}  // namespace agl::test
