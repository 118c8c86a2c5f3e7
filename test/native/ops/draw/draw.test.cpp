#include "ops/draw/draw.h"

#include <algorithm>
#include <numeric>

#include "core/philox.h"
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

// Everything sorted and summed: top-k, then top-p of what is left, then min-p. Without top-k the whole mass is the row's
// float32 statistic.
Kept keptBy(const Floats& logits, double rowMass, const DrawOptions& options) {
  Kept kept{byProbability(logits), {}};
  const std::size_t most = options.topK > 0 ? static_cast<std::size_t>(options.topK) : logits.size();
  kept.tokens.resize(std::min(most, logits.size()));
  std::vector<double> weights;
  for (const std::int32_t token : kept.tokens) {
    const float above = logits[static_cast<std::size_t>(token)] - logits[static_cast<std::size_t>(kept.tokens[0])];
    weights.push_back(std::exp(static_cast<double>(above) / static_cast<double>(options.temperature)));
  }
  const double mass = options.topK > 0 ? std::accumulate(weights.begin(), weights.end(), 0.0) : rowMass;
  double sum = 0;
  for (const double weight : weights) {
    if (!kept.cumulative.empty() && ((options.topP < 1 && sum >= options.topP * mass) || weight < options.minP)) break;
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

// A row's m, s and w, on the CPU.
Floats statisticsOf(const Floats& logits, float inverseTemperature) {
  Floats row = logits, stats(3);
  Pool pool(1, 64);
  Context ctx = cpuContext(pool, *kernelsOf(bestIsa()));
  const View out = matrix(stats.data(), 1, 3);
  ctx.ops.logSoftmax.reset(ctx, out);
  const auto vocabulary = static_cast<std::int64_t>(logits.size());
  for (std::int64_t begin = 0; begin < vocabulary; begin += LogSoftmax::kBlock) {
    const std::int64_t count = std::min(LogSoftmax::kBlock, vocabulary - begin);
    ctx.ops.logSoftmax.accumulate(ctx, out, matrix(row.data() + begin, 1, count), inverseTemperature);
  }
  return stats;
}

float inverseOf(const DrawOptions& options) { return options.temperature == 0 ? 1.0F : 1.0F / options.temperature; }

DrawRow rowOf(const DrawOptions& options, std::uint32_t position) { return {options, {4, 2ULL << 32 | 1ULL, 3, position}, nullptr}; }

double uniformAt(std::uint32_t position) {
  const PhiloxBlock block = philox({1, 2, 3, position}, 4);
  return uniform(block[0], block[1]);
}

// Every row is drawn from the same logits.
std::vector<Drawn> drawAll(Context& ctx, const Floats& logits, const std::vector<DrawRow>& rows) {
  Mirrored<float> numbers(ctx.device, logits);
  std::vector<Drawn> drawn(rows.size());
  const auto vocabulary = static_cast<std::int64_t>(logits.size());
  const View view = {numbers.device(), Dtype::f32, static_cast<std::int64_t>(rows.size()), vocabulary, 0};
  ctx.ops.draw.forward(ctx, drawn, view, rows);
  return drawn;
}

// Where they differ, by tokens, bits of log-probabilities and top lists; rows.size() is nowhere.
std::size_t firstDifference(const std::vector<Drawn>& a, const std::vector<Drawn>& b) {
  std::size_t i = 0;
  const auto sameTop = [](const TokenLogprob& x, const TokenLogprob& y) {
    return x.token == y.token && sameNumber(x.logprob, y.logprob);
  };
  while (i < a.size() && a[i].token == b[i].token && sameNumber(a[i].logprob, b[i].logprob) &&
         std::equal(a[i].top.begin(), a[i].top.end(), b[i].top.begin(), b[i].top.end(), sameTop)) {
    i++;
  }
  return i;
}

}  // namespace

TEST("draw: a filtered draw takes the token that sorting and summing the whole vocabulary takes") {
  for (const std::int64_t vocabulary : {1, 7, 368, 5003, 9000}) {
    const Floats logits = logitsOf(vocabulary);
    for (const DrawOptions& options : kFilters) {
      const Floats stats = statisticsOf(logits, inverseOf(options));
      const Kept kept = keptBy(logits, static_cast<double>(stats[1]), options);
      const auto law = [&](Context& ctx, std::uint32_t draws) {
        std::vector<DrawRow> rows;
        for (std::uint32_t position = 0; position < draws; position++) rows.push_back(rowOf(options, position));
        const std::vector<Drawn> drawn = drawAll(ctx, logits, rows);
        int different = 0;
        for (std::uint32_t position = 0; position < draws; position++) {
          if (drawn[position].token != expectedToken(kept, uniformAt(position))) different++;
        }
        CHECK(different == 0);
      };
      onEveryBackend([&](Context& ctx) { law(ctx, 60); });
      onCuda([&](Context& ctx) { law(ctx, 6); });
    }
  }
}

TEST("draw: an unfiltered draw takes the token at which the cumulative distribution passes its random number") {
  const DrawOptions options{.temperature = 0.9F, .topP = 1, .topK = 0, .minP = 0, .topLogprobs = 0};
  for (const std::int64_t vocabulary : {1, 7, 4096, 9000}) {
    const Floats logits = logitsOf(vocabulary);
    const double most = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    std::vector<double> cumulative = {0};
    for (const float logit : logits) {
      cumulative.push_back(cumulative.back() + std::exp((static_cast<double>(logit) - most) / 0.9));
    }
    std::vector<DrawRow> rows;
    for (std::uint32_t position = 0; position < 40; position++) rows.push_back(rowOf(options, position));
    onEveryDevice([&](Context& ctx) {
      const std::vector<Drawn> drawn = drawAll(ctx, logits, rows);
      for (std::uint32_t position = 0; position < rows.size(); position++) {
        // Blocks are found by float32 sums of up to 4,096 probabilities.
        const double target = uniformAt(position) * cumulative.back(), slack = 1e-5 * cumulative.back();
        const auto token = static_cast<std::size_t>(drawn[position].token);
        CHECK(cumulative[token] <= target + slack && target <= cumulative[token + 1] + slack);
      }
    });
  }
}

TEST("draw: rows of one call draw the same, to the bit, as alone, on every instruction set and device") {
  const Floats logits = logitsOf(70'001);
  std::vector<DrawRow> rows;
  for (const DrawOptions& options : kFilters) rows.push_back(rowOf(options, static_cast<std::uint32_t>(rows.size())));
  for (const float temperature : {0.0F, 0.7F, 1.0F}) {
    const DrawOptions options{.temperature = temperature, .topP = 1, .topK = 0, .minP = 0, .topLogprobs = 20};
    rows.push_back(rowOf(options, static_cast<std::uint32_t>(rows.size())));
  }
  std::vector<Drawn> first;
  onEveryDevice([&](Context& ctx) {
    const std::vector<Drawn> drawn = drawAll(ctx, logits, rows);
    if (first.empty()) first = drawn;
    CHECK(firstDifference(drawn, first) == rows.size());
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}, std::size_t{10}}) {
      CHECK(firstDifference(drawAll(ctx, logits, {rows[i]}), {first[i]}) == 1);
    }
  });
}

TEST("draw: the tokens named beside a draw are the most probable, with the log-probabilities they would be drawn with") {
  const Floats logits = logitsOf(5003);
  const std::vector<std::int32_t> order = byProbability(logits);
  for (const float temperature : {0.0F, 0.7F, 1.0F}) {
    const DrawOptions options{.temperature = temperature, .topP = 0.3, .topK = 2, .minP = 0, .topLogprobs = 20};
    const Floats stats = statisticsOf(logits, inverseOf(options));
    onEveryDevice([&](Context& ctx) {
      const Drawn drawn = drawAll(ctx, logits, {rowOf(options, 1)})[0];
      CHECK(drawn.top.size() == 20);
      if (temperature == 0) CHECK(drawn.token == order[0]);
      for (std::size_t i = 0; i < drawn.top.size(); i++) {
        CHECK(drawn.top[i].token == order[i]);
        const float logit = logits[static_cast<std::size_t>(order[i])];
        CHECK(drawn.top[i].logprob == logProbability(stats.data(), logit, inverseOf(options)));
        if (drawn.top[i].token == drawn.token) CHECK(drawn.top[i].logprob == drawn.logprob);
      }
    });
  }
}

TEST("draw: an impossible token is never drawn, and a logit that is not a number gives token 0 without a probability") {
  Floats logits(5000, -INFINITY);
  logits[4321] = -3.0F;
  logits[17] = -40.0F;
  Floats damaged = logits;
  damaged[4998] = kNan;
  const DrawOptions all{.temperature = 1, .topP = 1, .topK = 0, .minP = 0, .topLogprobs = 0};
  std::vector<DrawRow> rows = {rowOf(all, 0), rowOf(kFilters[0], 1), rowOf(kFilters[4], 2), rowOf(kFilters[6], 3)};
  onEveryDevice([&](Context& ctx) {
    for (const Drawn& drawn : drawAll(ctx, logits, rows)) CHECK(drawn.token == 4321 && drawn.logprob == 0.0F);
    for (const Drawn& drawn : drawAll(ctx, damaged, rows)) CHECK(drawn.token == 0 && std::isnan(drawn.logprob));
    for (const Drawn& drawn : drawAll(ctx, Floats(50, -INFINITY), rows)) CHECK(std::isnan(drawn.logprob));
  });
}

// A third of the tokens, far ones among them, and none of the most probable.
std::vector<std::uint64_t> maskOf(const Floats& logits) {
  std::vector<std::uint64_t> allowed((logits.size() + 63) / 64);
  const std::vector<std::int32_t> order = byProbability(logits);
  for (std::size_t i = std::min<std::size_t>(5, order.size() - 1); i < order.size(); i++) {
    const auto token = static_cast<std::uint32_t>(order[i]);
    if (token % 3 == 1 || i + 1 == order.size()) allowed[token / 64] |= std::uint64_t{1} << token % 64;
  }
  return allowed;
}

Floats maskedBy(const std::vector<std::uint64_t>& allowed, Floats logits) {
  for (std::size_t i = 0; i < logits.size(); i++) {
    if ((allowed[i / 64] >> i % 64 & 1) == 0) logits[i] = -INFINITY;
  }
  return logits;
}

// Each row is drawn from logits of its own.
std::vector<Drawn> drawApart(Context& ctx, const Floats& logits, const std::vector<DrawRow>& rows) {
  Floats all;
  for (std::size_t i = 0; i < rows.size(); i++) all.insert(all.end(), logits.begin(), logits.end());
  Mirrored<float> numbers(ctx.device, all);
  std::vector<Drawn> drawn(rows.size());
  ctx.ops.draw.forward(ctx, drawn, matrix(numbers.device(), static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(logits.size())), rows);
  return drawn;
}

TEST("draw: under a mask the token is that of a row without the others, its log-probability that of the whole row") {
  std::vector<DrawOptions> each(std::begin(kFilters), std::end(kFilters));
  for (const float temperature : {0.0F, 0.7F, 1.0F, 2.0F}) {
    each.push_back({.temperature = temperature, .topP = 1, .topK = 0, .minP = 0, .topLogprobs = 7});
  }
  for (const std::int64_t vocabulary : {7, 130, 9000}) {
    const Floats logits = logitsOf(vocabulary);
    const std::vector<std::uint64_t> allowed = maskOf(logits);
    const Floats masked = maskedBy(allowed, logits);
    std::vector<DrawRow> rows, plain;
    for (std::uint32_t i = 0; i < 2 * each.size(); i++) {
      plain.push_back(rowOf(each[i / 2], i));
      rows.push_back(plain.back());
      if (i % 2 == 0) rows.back().allowed = allowed.data();
    }
    std::vector<Drawn> first;
    onEveryDevice([&](Context& ctx) {
      const std::vector<Drawn> drawn = drawApart(ctx, logits, rows);
      const std::vector<Drawn> whole = drawAll(ctx, logits, plain), others = drawAll(ctx, masked, plain);
      for (std::size_t i = 0; i < rows.size(); i++) {
        if (i % 2 == 1) {
          CHECK(firstDifference({drawn[i]}, {whole[i]}) == 1);
          CHECK(drawn[i].mass == 1);
          continue;
        }
        const auto token = static_cast<std::size_t>(drawn[i].token);
        CHECK(drawn[i].token == others[i].token);
        const Floats stats = statisticsOf(logits, inverseOf(rows[i].options));
        CHECK(drawn[i].logprob == logProbability(stats.data(), logits[token], inverseOf(rows[i].options)));
        CHECK(drawn[i].top.size() == whole[i].top.size());
        for (std::size_t n = 0; n < drawn[i].top.size(); n++) CHECK(drawn[i].top[n].token == whole[i].top[n].token);
        double mass = 0;
        for (std::size_t t = 0; t < logits.size(); t++) {
          if (std::isfinite(masked[t])) mass += std::exp(static_cast<double>(logProbability(stats.data(), logits[t], inverseOf(rows[i].options))));
        }
        CHECK_NEAR(static_cast<double>(drawn[i].mass), mass, 0, 1e-4);
      }
      if (first.empty()) first = drawn;
      CHECK(firstDifference(drawn, first) == rows.size());
      for (std::size_t i = 0; i < rows.size(); i++) CHECK(drawn[i].mass == first[i].mass);
    });
  }
}

TEST("draw: however improbable the allowed tokens are, they are drawn by their shares") {
  Floats logits(300, 0.0F);
  std::vector<std::uint64_t> allowed(5);
  logits[70] = -80.0F;
  logits[71] = -80.0F + std::log(3.0F);
  allowed[1] = 3ULL << 6;
  const DrawOptions options{.temperature = 1, .topP = 1, .topK = 0, .minP = 0, .topLogprobs = 0};
  std::vector<DrawRow> rows;
  for (std::uint32_t i = 0; i < 400; i++) {
    rows.push_back(rowOf(options, i));
    rows.back().allowed = allowed.data();
  }
  int count = 0;
  // 300 expected, deviation 8.7.
  onEveryDevice([&](Context& ctx) {
    const std::vector<Drawn> drawn = drawApart(ctx, logits, rows);
    count = static_cast<int>(std::ranges::count_if(drawn, [](const Drawn& each) { return each.token == 71; }));
    CHECK(count > 255 && count < 345);
    CHECK(std::ranges::all_of(drawn, [](const Drawn& each) { return each.token == 70 || each.token == 71; }));
  });
}

}  // namespace agl::test
