#include "ops/loss/policy_correction.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/loss/log_ratio.h"
#include "ops/loss/policy_loss.h"

namespace agl {

namespace {

struct Sequence {
  std::size_t begin;
  std::size_t end;
};

template <typename Visit>
void eachCounted(const LossInputs& in, Sequence sequence, const Visit& visit) {
  for (std::size_t t = sequence.begin; t < sequence.end; t++)
    if (in.mask[t] != 0) visit(t);
}

// Mean over the tokens that count; 0 of none.
template <typename Number>
double meanOf(const LossInputs& in, Sequence sequence, const Number& number) {
  double sum = 0;
  double tokens = 0;
  eachCounted(in, sequence, [&](std::size_t t) {
    sum += number(t);
    tokens++;
  });
  return tokens > 0 ? sum / tokens : 0;
}

// A log weight that is not finite makes every coefficient it reaches not finite.
void correct(std::span<double> c, const LossInputs& in, Sequence sequence, const CorrectionOptions& options) {
  const std::span<const double> old = in.oldLogprobs.empty() ? in.logprobs : in.oldLogprobs;
  const auto logWeight = [&](std::size_t t) { return logRatio(old[t], in.sampledLogprobs[t]).value; };
  const auto isOutside = [&](double weight) { return weight < options.min || weight > options.max; };
  if (options.kind == Correction::kSequenceMask) {
    const double mean = meanOf(in, sequence, logWeight);
    const double weight = std::isnan(mean) ? mean : exponential(mean);
    const double kept = std::isnan(weight) ? weight : isOutside(weight) ? 0 : 1;
    eachCounted(in, sequence, [&](std::size_t t) { c[t] *= kept; });
    return;
  }
  eachCounted(in, sequence, [&](std::size_t t) {
    const double log = logWeight(t);
    const double weight = std::isnan(log) ? log : exponential(log);
    if (options.kind == Correction::kTis) c[t] *= std::isnan(weight) ? weight : std::min(weight, options.max);
    else c[t] *= isOutside(weight) ? 0 : weight;
  });
}

void maskOffPolicy(std::span<double> c, const LossInputs& in, Sequence sequence, double threshold) {
  const std::span<const double> before = !in.sampledLogprobs.empty() ? in.sampledLogprobs
                                         : !in.oldLogprobs.empty()   ? in.oldLogprobs
                                                                     : in.logprobs;
  if (!(meanOf(in, sequence, [&](std::size_t t) { return before[t] - in.logprobs[t]; }) > threshold)) return;
  eachCounted(in, sequence, [&](std::size_t t) {
    if (in.advantages[t] < 0) c[t] = 0;
  });
}

void keepUncertain(std::span<double> c, const LossInputs& in, double share) {
  std::vector<std::size_t> tokens;
  eachCounted(in, {0, in.logprobs.size()}, [&](std::size_t t) { tokens.push_back(t); });
  std::stable_sort(tokens.begin(), tokens.end(), [&](std::size_t a, std::size_t b) { return in.entropies[a] > in.entropies[b]; });
  const auto kept = static_cast<std::size_t>(std::ceil(share * static_cast<double>(tokens.size())));
  for (std::size_t i = kept; i < tokens.size(); i++) c[tokens[i]] = 0;
}

}  // namespace

void correctionCoefficients(std::span<double> coefficients, const LossInputs& in, const CorrectionOptions& options, LossSums& sums) {
  const Sequence whole{0, in.logprobs.size()};
  eachCounted(in, whole, [&](std::size_t t) { coefficients[t] = 1; });
  for (std::size_t s = 0; s + 1 < in.offsets.size(); s++) {
    const Sequence sequence{static_cast<std::size_t>(in.offsets[s]), static_cast<std::size_t>(in.offsets[s + 1])};
    if (options.kind != Correction::kNone) correct(coefficients, in, sequence, options);
    if (options.offPolicyThreshold) maskOffPolicy(coefficients, in, sequence, *options.offPolicyThreshold);
  }
  if (options.entropyShare) keepUncertain(coefficients, in, *options.entropyShare);
  eachCounted(in, whole, [&](std::size_t t) {
    sums.coefficient += coefficients[t];
    sums.dropped += coefficients[t] == 0;
  });
}

}  // namespace agl
