#include "ops/loss/policy_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/loss/log_ratio.h"

namespace agl {

namespace {

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

LossValue policyLoss(const LossOutputs& out, const LossInputs& in, std::span<const double> shares, const PolicyLossOptions& options) {
  LossValue result;
  LossSums& sums = result.sums;
  sums.ratioMin = std::numeric_limits<double>::infinity();
  std::vector<TokenLoss> terms(in.logprobs.size());
  std::vector<double> coefficients(in.logprobs.size());
  correctionCoefficients(coefficients, in, options.correction, sums);
  const auto token = [&](std::size_t t, double share) {
    TokenLoss total = terms[t];
    const LogRatio moved = logRatio(in.logprobs[t], (in.oldLogprobs.empty() ? in.logprobs : in.oldLogprobs)[t]);
    sums.klOld += std::isnan(moved.value) ? moved.value : k3(moved.value);
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
    const auto begin = static_cast<std::size_t>(in.offsets[s]);
    const auto length = static_cast<std::size_t>(in.offsets[s + 1]) - begin;
    surrogateTerms(std::span(terms).subspan(begin, length), std::span(coefficients).subspan(begin, length), in, begin, options.surrogate, sums);
    for (std::size_t t = begin; t < begin + length; t++) {
      out.dLogprobs[t] = out.dEntropies[t] = 0;
      if (in.mask[t] != 0) token(t, shares[s]);
    }
  }
  return result;
}

}  // namespace agl
