#include "ops/loss/policy_surrogate.h"

#include "ops/loss/log_ratio.h"
#include "ops/loss/policy_loss.h"

namespace agl {

namespace {

enum class Side : std::uint8_t { kLow, kHigh, kDual };

void count(LossSums& sums, Side side) {
  (side == Side::kLow ? sums.clippedLow : side == Side::kHigh ? sums.clippedHigh : sums.clippedDual)++;
}

void addRatio(LossSums& sums, double ratio) {
  sums.ratio += ratio;
  sums.ratioMin = std::min(sums.ratioMin, ratio);
  sums.ratioMax = std::max(sums.ratioMax, ratio);
}

TokenLoss clipped(double ratio, bool held, double advantage, const SurrogateOptions& options, LossSums& sums) {
  const auto bounded = [&](double bound, Side side) {
    count(sums, side);
    return TokenLoss{-bound * advantage, 0};
  };
  if (advantage > 0 && ratio > 1 + options.high) return bounded(1 + options.high, Side::kHigh);
  if (advantage < 0 && ratio < 1 - options.low) return bounded(1 - options.low, Side::kLow);
  if (advantage < 0 && options.dualClip && ratio > *options.dualClip) return bounded(*options.dualClip, Side::kDual);
  return {-ratio * advantage, held ? 0 : -ratio * advantage};
}

TokenLoss cispo(double ratio, double logprob, double advantage, const SurrogateOptions& options, LossSums& sums) {
  if (ratio > options.max) count(sums, Side::kHigh);
  const double factor = std::min(ratio, options.max);
  return {-factor * advantage * logprob, -factor * advantage};
}

// sigmoid(x) = 1 / (1 + e^-x); x is held where e^x would leave float64.
TokenLoss sapo(double ratio, bool held, double advantage, const SurrogateOptions& options) {
  const double tau = advantage > 0 ? options.tauPositive : options.tauNegative;
  const double gate = 1 / (1 + exponential(std::clamp(-tau * (ratio - 1), -700.0, 700.0)));
  return {-4 / tau * gate * advantage, held ? 0 : -4 * gate * (1 - gate) * ratio * advantage};
}

TokenLoss dppo(double ratio, bool held, double moved, double advantage, const SurrogateOptions& options, LossSums& sums) {
  const bool isHigh = advantage > 0 && moved > options.high;
  const bool isLow = advantage < 0 && -moved > options.low;
  if (isHigh || isLow) {
    count(sums, isHigh ? Side::kHigh : Side::kLow);
    return {};
  }
  return {-ratio * advantage, held ? 0 : -ratio * advantage};
}

struct Sequence {
  std::span<TokenLoss> terms;
  std::span<const double> coefficients;
  const LossInputs& in;
  std::size_t begin;
};

template <typename Visit>
void eachCounted(const Sequence& sequence, const Visit& visit) {
  for (std::size_t i = 0; i < sequence.terms.size(); i++)
    if (sequence.in.mask[sequence.begin + i] != 0) visit(i, sequence.begin + i);
}

double probability(double logprob) { return exponential(std::clamp(logprob, -700.0, 0.0)); }

LogRatio toOld(const LossInputs& in, std::size_t t) {
  return logRatio(in.logprobs[t], (in.oldLogprobs.empty() ? in.logprobs : in.oldLogprobs)[t]);
}

// Of each token by itself.
void byToken(const Sequence& sequence, const SurrogateOptions& options, LossSums& sums) {
  const LossInputs& in = sequence.in;
  const bool isToSampled = options.kind == Surrogate::kDppo || options.kind == Surrogate::kImportance;
  const auto term = [&](std::size_t t) -> TokenLoss {
    const LogRatio log = isToSampled ? logRatio(in.logprobs[t], in.sampledLogprobs[t]) : toOld(in, t);
    if (std::isnan(log.value)) return {log.value, log.value};
    const double ratio = exponential(log.value);
    const double advantage = in.advantages[t];
    addRatio(sums, ratio);
    switch (options.kind) {
      case Surrogate::kCispo: return cispo(ratio, in.logprobs[t], advantage, options, sums);
      case Surrogate::kSapo: return sapo(ratio, log.held, advantage, options);
      case Surrogate::kDppo: {
        const double moved = probability(in.logprobs[t]) - probability(in.sampledLogprobs[t]);
        return dppo(ratio, log.held, moved, advantage, options, sums);
      }
      case Surrogate::kReinforce: return {-advantage * in.logprobs[t], -advantage};
      case Surrogate::kImportance: return {-ratio * advantage, log.held ? 0 : -ratio * advantage};
      default: return clipped(ratio, log.held, advantage, options, sums);
    }
  };
  eachCounted(sequence, [&](std::size_t i, std::size_t t) {
    const TokenLoss one = term(t);
    sequence.terms[i] = {sequence.coefficients[i] * one.value, sequence.coefficients[i] * one.dLogprob};
  });
}

void gspo(const Sequence& sequence, const SurrogateOptions& options, LossSums& sums) {
  double sum = 0;
  double tokens = 0;
  eachCounted(sequence, [&](std::size_t, std::size_t t) {
    sum += sequence.in.logprobs[t] - (sequence.in.oldLogprobs.empty() ? sequence.in.logprobs : sequence.in.oldLogprobs)[t];
    tokens++;
  });
  const LogRatio log = logRatio(sum / tokens, 0);
  const double ratio = std::isnan(log.value) ? log.value : exponential(log.value);
  eachCounted(sequence, [&](std::size_t i, std::size_t t) {
    addRatio(sums, ratio);
    const TokenLoss one = clipped(ratio, log.held, sequence.in.advantages[t], options, sums);
    sequence.terms[i] = {sequence.coefficients[i] * one.value, sequence.coefficients[i] * one.dLogprob};
  });
}

void gmpo(const Sequence& sequence, const SurrogateOptions& options, LossSums& sums) {
  double sum = 0;
  double tokens = 0;
  double pushes = 0;  // sum of c_t A_t
  const auto boundedLog = [&](std::size_t t) -> LogRatio {
    const LogRatio log = toOld(sequence.in, t);
    const double advantage = sequence.in.advantages[t];
    if (advantage > 0 && log.value > options.bound) return {options.bound, true};
    if (advantage < 0 && log.value < -options.bound) return {-options.bound, true};
    return log;
  };
  eachCounted(sequence, [&](std::size_t i, std::size_t t) {
    const LogRatio log = toOld(sequence.in, t);
    const LogRatio bounded = boundedLog(t);
    if (bounded.value != log.value && !std::isnan(log.value)) count(sums, log.value > 0 ? Side::kHigh : Side::kLow);
    sum += bounded.value;
    tokens++;
    pushes += sequence.coefficients[i] * sequence.in.advantages[t];
  });
  const double mean = sum / tokens;
  const double ratio = std::isnan(mean) ? mean : exponential(mean);
  eachCounted(sequence, [&](std::size_t i, std::size_t t) {
    addRatio(sums, ratio);
    const double value = -sequence.coefficients[i] * sequence.in.advantages[t] * ratio;
    sequence.terms[i] = {value, boundedLog(t).held ? 0 : -ratio / tokens * pushes};
  });
}

}  // namespace

void surrogateTerms(std::span<TokenLoss> terms, std::span<const double> coefficients, const LossInputs& in, std::size_t begin,
                    const SurrogateOptions& options, LossSums& sums) {
  const Sequence sequence{terms, coefficients, in, begin};
  if (options.kind == Surrogate::kGspo) return gspo(sequence, options, sums);
  if (options.kind == Surrogate::kGmpo) return gmpo(sequence, options, sums);
  byToken(sequence, options, sums);
}

}  // namespace agl
