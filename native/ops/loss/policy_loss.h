// Policy losses (Law 3): per-token numbers of a whole update to a value and its closed-form derivatives. Float64, on the
// caller's thread, tokens in ascending order. A token whose mask is 0 is not read, whatever it holds.
//   loss = sum_s share_s sum_t mask_t L_t        dLogprobs_t = share_s dL_t/dlogp_t        dEntropies_t = share_s dL_t/dH_t
//   log-likelihood   share 1, L = -w logp
//   policy loss      L = c S + kl K - entropy H, S the surrogate (policy_surrogate.h), c a correction's coefficient (policy_correction.h)
//     without old numbers those now stand for them: every ratio is exactly 1
//     K of d = ref - logp:  k1 = -d, dK/dlogp = 1;  k2 = d^2/2, -d;  k3 = e^d - d - 1, 1 - e^d  (never negative), d held within +-20
// Shares (what each token's L is multiplied by, n_s tokens count in sequence s; a sequence without any is not counted):
//   sum 1 | token 1 / N | sequence-mean 1 / (S n_s) | sequence-sum 1 / S | constant 1 / (S length), Dr. GRPO
//   unit 1 / (U n_u): the sequences of one unit (a rollout, a group) are pooled
// N, S and U are counted here, or given as `total` when an update is split by hand.
// A number that is not finite where it is read makes the loss or a derivative not finite: the caller looks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ops/loss/policy_correction.h"
#include "ops/loss/policy_surrogate.h"

namespace agl {

// S sequences laid end to end, T numbers each; an empty span is an absent input.
struct LossInputs {
  std::span<const std::int32_t> offsets;  // (S+1), ascending from 0 to T
  std::span<const double> logprobs, mask;
  std::span<const double> weights, entropies, advantages, oldLogprobs, sampledLogprobs, refLogprobs;
};

struct LossOutputs {
  std::span<double> dLogprobs, dEntropies;  // (T), overwritten
};

enum class AggregateBy { kSum, kToken, kSequenceMean, kSequenceSum, kConstant, kUnit };

struct Aggregate {
  AggregateBy by = AggregateBy::kToken;
  std::optional<double> total = {};
  double length = 1;                         // kConstant
  std::span<const std::int32_t> units = {};  // (S), kUnit: ids in [0, unitCount)
  std::int64_t unitCount = 0;
};

enum class KlKind { kK1, kK2, kK3 };

struct PolicyLossOptions {
  SurrogateOptions surrogate = {};
  CorrectionOptions correction = {};
  KlKind klKind = KlKind::kK3;  // also of the reported number, wherever there are reference numbers
  double klCoefficient = 0;
  double entropyCoefficient = 0;
};

// Unweighted sums over the tokens that count; `tokens` is their number.
struct LossSums {
  std::int64_t tokens = 0;
  double logprob = 0;
  double entropy = 0;
  double ratio = 0;
  double ratioMin = 0;
  double ratioMax = 0;
  std::int64_t clippedLow = 0;
  std::int64_t clippedHigh = 0;
  std::int64_t clippedDual = 0;
  double klOld = 0;  // k3 of the numbers at update start
  double klRef = 0;
  double coefficient = 0;    // of corrections
  std::int64_t dropped = 0;  // tokens whose coefficient is 0
};

struct LossValue {
  double loss = 0;
  LossSums sums;
};

// (S) the factor of each sequence's tokens.
void sequenceShares(std::span<double> shares, std::span<const std::int32_t> offsets, std::span<const double> mask,
                    const Aggregate& aggregate);

// Reads logprobs, mask, weights and, for the sums, entropies. A token of weight 0 does not count.
LossValue logLikelihoodLoss(const LossOutputs& out, const LossInputs& in);

// Reads logprobs, mask, advantages and, where present, oldLogprobs, refLogprobs, entropies. Needs refLogprobs for a KL coefficient, entropies for an
// entropy coefficient or share, sampledLogprobs for dppo, importance and a correction. shares (S) are of the sequences in `in`: an update may be
// evaluated in parts with the shares of the whole, but for an entropy share.
LossValue policyLoss(const LossOutputs& out, const LossInputs& in, std::span<const double> shares, const PolicyLossOptions& options);

}  // namespace agl
