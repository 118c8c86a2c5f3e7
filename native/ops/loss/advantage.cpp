#include "ops/loss/advantage.h"

#include <cmath>
#include <vector>

namespace agl {

namespace {

// Mean and sample deviation of a stream seen twice, both relative to its first number.
struct Moments {
  std::int64_t count = 0;
  double origin = 0;
  double sum = 0;      // of x - origin
  double squares = 0;  // of x - mean

  void add(double x) {
    if (count == 0) origin = x;
    count++;
    sum += x - origin;
  }
  double meanFromOrigin() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  double fromMean(double x) const { return (x - origin) - meanFromOrigin(); }
  void addSquare(double x) {
    const double d = fromMean(x);
    squares += d * d;
  }
  double variance() const { return count < 2 ? 0 : squares / static_cast<double>(count - 1); }
};

double baselined(const Moments& group, double reward, const GroupAdvantageOptions& options) {
  if (options.baseline == Baseline::kNone) return reward;
  if (group.count == 1) return options.groupOfOne == GroupOfOne::kReward ? reward : 0;
  const double d = group.fromMean(reward);
  if (options.baseline == Baseline::kMean) return d;
  const double n = static_cast<double>(group.count);
  return d * (n / (n - 1));
}

}  // namespace

void groupAdvantages(std::span<double> advantages, std::span<const double> rewards, std::span<const std::int32_t> groups,
                     std::int64_t groupCount, const GroupAdvantageOptions& options) {
  std::vector<Moments> byGroup(static_cast<std::size_t>(groupCount));
  Moments batch;
  for (std::size_t i = 0; i < rewards.size(); i++) {
    if (std::isnan(rewards[i])) continue;
    byGroup[groups[i]].add(rewards[i]);
    batch.add(rewards[i]);
  }
  for (std::size_t i = 0; i < rewards.size(); i++) {
    if (std::isnan(rewards[i])) continue;
    byGroup[groups[i]].addSquare(rewards[i]);
    batch.addSquare(rewards[i]);
  }
  for (std::size_t i = 0; i < rewards.size(); i++) {
    if (std::isnan(rewards[i])) {
      advantages[i] = 0;
      continue;
    }
    const Moments& group = byGroup[groups[i]];
    const double a = baselined(group, rewards[i], options);
    const double variance = options.scale == AdvantageScale::kNone    ? 0
                            : options.scale == AdvantageScale::kGroup ? group.variance()
                                                                      : batch.variance();
    advantages[i] = variance > 0 ? a / (std::sqrt(variance) + options.epsilon) : a;
  }
}

void discountedReturns(std::span<double> returns, std::span<const double> rewards, std::span<const std::int32_t> offsets,
                       double gamma) {
  for (std::size_t s = 0; s + 1 < offsets.size(); s++) {
    double next = 0;
    for (std::int32_t t = offsets[s + 1] - 1; t >= offsets[s]; t--) returns[t] = next = rewards[t] + gamma * next;
  }
}

void gae(std::span<double> advantages, std::span<double> returns, const GaeInputs& in, double gamma, double lambda) {
  for (std::size_t s = 0; s + 1 < in.offsets.size(); s++) {
    double nextValue = 0;
    double nextAdvantage = 0;
    for (std::int32_t t = in.offsets[s + 1] - 1; t >= in.offsets[s]; t--) {
      advantages[t] = returns[t] = 0;
      if (in.mask[t] == 0) continue;
      const double delta = in.rewards[t] + gamma * nextValue - in.values[t];
      nextAdvantage = delta + gamma * lambda * nextAdvantage;
      nextValue = in.values[t];
      advantages[t] = nextAdvantage;
      returns[t] = nextAdvantage + nextValue;
    }
  }
}

void whiten(std::span<double> whitened, std::span<const double> values, std::span<const double> mask) {
  Moments moments;
  for (std::size_t t = 0; t < values.size(); t++)
    if (mask[t] != 0) moments.add(values[t]);
  for (std::size_t t = 0; t < values.size(); t++)
    if (mask[t] != 0) moments.addSquare(values[t]);
  const double deviation = std::sqrt(moments.variance() + 1e-8);
  for (std::size_t t = 0; t < values.size(); t++) whitened[t] = mask[t] != 0 ? moments.fromMean(values[t]) / deviation : 0;
}

}  // namespace agl
