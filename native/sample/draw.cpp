#include "sample/draw.h"

#include <algorithm>
#include <cmath>

#include "core/elementary.h"
#include "core/philox.h"

namespace agl {

std::uint64_t hashTokens(std::span<const std::int32_t> tokens) {
  // FNV-1a over the ids' bytes, then a finaliser: equal prompts meet, others practically never.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::int32_t token : tokens) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (static_cast<std::uint32_t>(token) >> shift & 0xffU)) * 0x100000001b3;
    }
  }
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  return hash ^ hash >> 33;
}

RowStatistics gatherStatistics(Context& context, View logits, float inverseTemperature) {
  RowStatistics statistics;
  float stats[3];
  const View row = matrix(stats, 1, 3);
  context.ops.logSoftmax.reset(context, row);
  for (std::int64_t begin = 0; begin < logits.cols; begin += LogSoftmax::kBlock) {
    const std::int64_t count = std::min(LogSoftmax::kBlock, logits.cols - begin);
    context.ops.logSoftmax.accumulate(context, row, {logits.f32() + begin, Dtype::f32, 1, count, logits.stride},
                              inverseTemperature);
    statistics.byBlock.insert(statistics.byBlock.end(), stats, stats + 3);
  }
  return statistics;
}

// --- internal ---

namespace {

struct Candidate {
  float logit;
  std::int32_t token;
};

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

std::int32_t argmax(View logits) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < logits.cols; i++) {
    if (logits.f32()[i] > logits.f32()[best]) best = i;
  }
  return static_cast<std::int32_t>(best);
}

// Weight of a logit relative to the largest scaled logit.
double weight(float logit, float inverseTemperature, float largest) {
  return elementary::exp(static_cast<double>(logit * inverseTemperature) - static_cast<double>(largest));
}

// The whole distribution: the block in which the cumulative weight passes the target, then the token.
std::int32_t drawFromAll(View logits, const RowStatistics& statistics, float inverseTemperature, double u) {
  const float largest = statistics.total()[0];
  const auto massUpTo = [&](std::size_t block) {
    const float* stats = statistics.byBlock.data() + 3 * block;
    return static_cast<double>(stats[1]) * elementary::exp(static_cast<double>(stats[0]) - static_cast<double>(largest));
  };
  const std::size_t blocks = statistics.byBlock.size() / 3;
  const double target = u * massUpTo(blocks - 1);
  std::size_t block = 0;
  while (block + 1 < blocks && massUpTo(block) <= target) block++;
  double mass = block == 0 ? 0.0 : massUpTo(block - 1);
  const auto begin = static_cast<std::int64_t>(block) * LogSoftmax::kBlock;
  const std::int64_t end = std::min(begin + LogSoftmax::kBlock, logits.cols);
  std::int64_t last = begin;
  for (std::int64_t token = begin; token < end; token++) {
    const double w = weight(logits.f32()[token], inverseTemperature, largest);
    if (w > 0) last = token;
    mass += w;
    if (mass > target) return static_cast<std::int32_t>(token);
  }
  return static_cast<std::int32_t>(last);  // rounding left the cumulative weight a hair below the target
}

// The `count` most probable tokens, sorted.
std::vector<Candidate> mostProbable(View logits, std::size_t count) {
  std::vector<Candidate> heap;  // the least probable of them in front
  heap.reserve(count);
  for (std::int64_t token = 0; token < logits.cols; token++) {
    const Candidate candidate{logits.f32()[token], static_cast<std::int32_t>(token)};
    if (heap.size() == count) {
      if (!before(candidate, heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), before);
      heap.pop_back();
    }
    heap.push_back(candidate);
    std::push_heap(heap.begin(), heap.end(), before);
  }
  std::sort_heap(heap.begin(), heap.end(), before);
  return heap;
}

// Every token that top-p or min-p may keep, sorted. Those less probable than a share 1 - topP of an even distribution hold less than 1 - topP
// together, so the nucleus is full before it reaches one of them.
std::vector<Candidate> contenders(View logits, const DrawOptions& options, float inverseTemperature, const float* total) {
  const double even = (1 - options.topP) * static_cast<double>(total[1]) / static_cast<double>(logits.cols);
  const double least = std::max(even, options.minP) * (1 - 1e-6);
  const double bound = static_cast<double>(total[0]) + std::log(least);
  std::vector<Candidate> candidates;
  for (std::int64_t token = 0; token < logits.cols; token++) {
    const float logit = logits.f32()[token];
    if (static_cast<double>(logit * inverseTemperature) >= bound) {
      candidates.push_back({logit, static_cast<std::int32_t>(token)});
    }
  }
  std::sort(candidates.begin(), candidates.end(), before);
  return candidates;
}

std::int32_t drawFiltered(View logits, const RowStatistics& statistics, const DrawOptions& options, double u) {
  const float inverseTemperature = 1.0F / options.temperature;
  const float* total = statistics.total();
  const auto weightOf = [&](const Candidate& candidate) { return weight(candidate.logit, inverseTemperature, total[0]); };
  std::vector<Candidate> candidates;
  auto mass = static_cast<double>(total[1]);
  if (options.topK > 0) {
    candidates = mostProbable(logits, static_cast<std::size_t>(std::min(options.topK, logits.cols)));
    mass = 0;
    for (const Candidate& candidate : candidates) mass += weightOf(candidate);
  } else {
    candidates = contenders(logits, options, inverseTemperature, total);
  }
  // Nucleus: the fewest leading candidates whose weight reaches the share topP; never none.
  std::vector<double> cumulative;
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    const double w = weightOf(candidate);
    if (!cumulative.empty() && w < options.minP) break;
    sum += w;
    cumulative.push_back(sum);
    if (sum >= options.topP * mass) break;
  }
  const double target = u * cumulative.back();
  const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), target);
  const std::size_t index = std::min(static_cast<std::size_t>(found - cumulative.begin()), cumulative.size() - 1);
  return candidates[index].token;
}

}  // namespace

Drawn draw(View logits, const RowStatistics& statistics, const DrawOptions& options, const DrawKey& key) {
  const bool greedy = options.temperature == 0;
  const float inverseTemperature = greedy ? 1.0F : 1.0F / options.temperature;
  std::int32_t token = 0;
  if (greedy) {
    token = argmax(logits);
  } else {
    const PhiloxBlock block = philox({static_cast<std::uint32_t>(key.promptHash),
                                      static_cast<std::uint32_t>(key.promptHash >> 32), key.choice, key.position},
                                     key.seed);
    const double u = uniform(block[0], block[1]);
    const bool isFiltered = options.topK > 0 || options.topP < 1 || options.minP > 0;
    token = isFiltered ? drawFiltered(logits, statistics, options, u)
                       : drawFromAll(logits, statistics, inverseTemperature, u);
  }
  const auto logprobOf = [&](std::int32_t id) {
    return logProbability(statistics.total(), logits.f32()[id], inverseTemperature);
  };
  Drawn drawn{token, logprobOf(token), {}};
  if (options.topLogprobs > 0) {
    for (const Candidate& each : mostProbable(logits, static_cast<std::size_t>(options.topLogprobs))) {
      drawn.top.push_back({each.token, logprobOf(each.token)});
    }
  }
  return drawn;
}

}  // namespace agl
