#include "ops/loss/policy_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace agl {

namespace {

constexpr double kMaxLogRatio = 20;

// e^x for |x| <= 700, the same bits on every platform (libm is not): 2^n e^r with |r| <= ln 2 / 2, Taylor to r^13, whose
// remainder is below half an ulp. e^0 is exactly 1.
double exponential(double x) {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42fefa3800p-1;  // 11 low bits clear: n kLn2High is exact
  constexpr double kLn2Low = 0x1.ef35793c76730p-45;
  const double n = std::nearbyint(x * kLog2E);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1;
  for (int k = 13; k >= 1; k--) p = 1 + p * r / k;
  return std::ldexp(p, static_cast<int>(n));
}

// e^d - d - 1 without cancellation: the series near 0, where the difference would be noise of either sign.
double k3(double d) {
  if (std::abs(d) >= 0.5) return exponential(d) - d - 1;
  double p = 1;
  for (int k = 16; k >= 3; k--) p = 1 + p * d / k;
  return d * d / 2 * p;
}

// A log ratio as it is exponentiated, and whether it was out of bounds. Not finite stays so: clamping would hide it.
struct LogRatio {
  double value;
  bool held;
};
LogRatio logRatio(double numerator, double denominator) {
  const double d = numerator - denominator;
  if (!std::isfinite(d)) return {std::numeric_limits<double>::quiet_NaN(), false};
  return {std::clamp(d, -kMaxLogRatio, kMaxLogRatio), std::abs(d) > kMaxLogRatio};
}

struct TokenLoss {
  double value = 0;
  double dLogprob = 0;
};

TokenLoss klTerm(KlKind kind, double logprob, double refLogprob) {
  if (kind == KlKind::kK3) {
    const LogRatio d = logRatio(refLogprob, logprob);
    if (std::isnan(d.value)) return {d.value, d.value};
    const double k = k3(d.value);
    return {k, d.held ? 0 : -(d.value + k)};  // d + k3 = e^d - 1
  }
  const double d = refLogprob - logprob;
  return kind == KlKind::kK1 ? TokenLoss{-d, 1} : TokenLoss{d * d / 2, -d};
}

TokenLoss clippedTerm(double advantage, LogRatio log, const PpoClipOptions& options, LossSums& sums) {
  if (std::isnan(log.value)) return {log.value, log.value};
  const double ratio = exponential(log.value);
  sums.ratio += ratio;
  sums.ratioMin = std::min(sums.ratioMin, ratio);
  sums.ratioMax = std::max(sums.ratioMax, ratio);
  sums.klOld += k3(log.value);
  const auto bounded = [&](double bound, std::int64_t& count) {
    count++;
    return TokenLoss{-bound * advantage, 0};
  };
  if (advantage > 0 && ratio > 1 + options.high) return bounded(1 + options.high, sums.clippedHigh);
  if (advantage < 0 && ratio < 1 - options.low) return bounded(1 - options.low, sums.clippedLow);
  if (advantage < 0 && options.dualClip && ratio > *options.dualClip) return bounded(*options.dualClip, sums.clippedDual);
  return {-ratio * advantage, log.held ? 0 : -ratio * advantage};
}

}  // namespace

void sequenceShares(std::span<double> shares, std::span<const std::int32_t> offsets, std::span<const double> mask,
                    const Aggregate& aggregate) {
  const std::size_t sequences = shares.size();
  std::vector<std::int64_t> counts(sequences);
  std::vector<std::int64_t> unitCounts(static_cast<std::size_t>(aggregate.unitCount));
  std::int64_t tokens = 0;
  std::int64_t filled = 0;
  for (std::size_t s = 0; s < sequences; s++) {
    for (std::int32_t t = offsets[s]; t < offsets[s + 1]; t++) counts[s] += mask[t] != 0;
    tokens += counts[s];
    filled += counts[s] > 0;
    if (aggregate.by == AggregateBy::kUnit) unitCounts[aggregate.units[s]] += counts[s];
  }
  const std::int64_t units = std::count_if(unitCounts.begin(), unitCounts.end(), [](std::int64_t n) { return n > 0; });
  const auto over = [&](std::int64_t counted) { return aggregate.total.value_or(static_cast<double>(counted)); };
  const auto share = [&](std::size_t s) -> double {
    switch (aggregate.by) {
      case AggregateBy::kSum: return 1;
      case AggregateBy::kToken: return 1 / over(tokens);
      case AggregateBy::kSequenceMean: return 1 / (over(filled) * static_cast<double>(counts[s]));
      case AggregateBy::kSequenceSum: return 1 / over(filled);
      case AggregateBy::kConstant: return 1 / (over(filled) * aggregate.length);
      case AggregateBy::kUnit: return 1 / (over(units) * static_cast<double>(unitCounts[aggregate.units[s]]));
    }
    return 0;
  };
  for (std::size_t s = 0; s < sequences; s++) shares[s] = counts[s] > 0 ? share(s) : 0;
}

LossValue logLikelihoodLoss(const LossOutputs& out, const LossInputs& in) {
  LossValue result;
  for (std::size_t t = 0; t < in.logprobs.size(); t++) {
    out.dLogprobs[t] = out.dEntropies[t] = 0;
    if (in.mask[t] == 0 || in.weights[t] == 0) continue;
    result.loss -= in.weights[t] * in.logprobs[t];
    out.dLogprobs[t] = -in.weights[t];
    result.sums.tokens++;
    result.sums.logprob += in.logprobs[t];
    if (!in.entropies.empty()) result.sums.entropy += in.entropies[t];
  }
  return result;
}

LossValue ppoClipLoss(const LossOutputs& out, const LossInputs& in, std::span<const double> shares,
                      const PpoClipOptions& options) {
  LossValue result;
  LossSums& sums = result.sums;
  sums.ratioMin = std::numeric_limits<double>::infinity();
  const auto token = [&](std::size_t t, double share) {
    const LogRatio log = logRatio(in.logprobs[t], (in.oldLogprobs.empty() ? in.logprobs : in.oldLogprobs)[t]);
    TokenLoss total = clippedTerm(in.advantages[t], log, options, sums);
    if (!in.refLogprobs.empty()) {
      const TokenLoss kl = klTerm(options.klKind, in.logprobs[t], in.refLogprobs[t]);
      sums.klRef += kl.value;
      if (options.klCoefficient != 0) {
        total.value += options.klCoefficient * kl.value;
        total.dLogprob += options.klCoefficient * kl.dLogprob;
      }
    }
    if (!in.entropies.empty()) {
      sums.entropy += in.entropies[t];
      if (options.entropyCoefficient != 0) {
        total.value -= options.entropyCoefficient * in.entropies[t];
        out.dEntropies[t] = -share * options.entropyCoefficient;
      }
    }
    sums.tokens++;
    sums.logprob += in.logprobs[t];
    result.loss += share * total.value;
    out.dLogprobs[t] = share * total.dLogprob;
  };
  for (std::size_t s = 0; s < shares.size(); s++) {
    for (std::int32_t t = in.offsets[s]; t < in.offsets[s + 1]; t++) {
      out.dLogprobs[t] = out.dEntropies[t] = 0;
      if (in.mask[t] != 0) token(static_cast<std::size_t>(t), shares[s]);
    }
  }
  return result;
}

}  // namespace agl
