// Policy losses (Law 3): per-token numbers of a whole update to a value and its closed-form derivatives. Float64, on the
// caller's thread, tokens in ascending order. A token whose mask is 0 is not read, whatever it holds.
//   loss = sum_s share_s sum_t mask_t L_t        dLogprobs_t = share_s dL_t/dlogp_t        dEntropies_t = share_s dL_t/dH_t
//   log-likelihood   share 1, L = -w logp
//   clipped ratio    L = -min(rho A, clip(rho, 1 - low, 1 + high) A) + kl K - entropy H        PPO, arXiv:1707.06347
//     rho = exp(logp - old), clip-higher high > low: DAPO, arXiv:2503.14476; without old numbers rho is exactly 1
//     dual clip c > 1: where A < 0, L's first term is at most -c A                              arXiv:1912.09729
//     dL/dlogp = -rho A, and 0 where the bound is what counts (A > 0 and rho > 1 + high; A < 0 and rho < 1 - low or > c)
//     K of d = ref - logp:  k1 = -d, dK/dlogp = 1;  k2 = d^2/2, -d;  k3 = e^d - d - 1, 1 - e^d  (never negative)
//     Log ratios are held within +-20 where they are exponentiated; beyond, their derivative is 0.
// Shares (what each token's L is multiplied by, n_s tokens count in sequence s; a sequence without any is not counted):
//   sum 1 | token 1 / N | sequence-mean 1 / (S n_s) | sequence-sum 1 / S | constant 1 / (S length), Dr. GRPO
//   unit 1 / (U n_u): the sequences of one unit (a rollout, a group) are pooled
// N, S and U are counted here, or given as `total` when an update is split by hand.
// A number that is not finite where it is read makes the loss or a derivative not finite: the caller looks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace agl {

// S sequences laid end to end, T numbers each; an empty span is an absent input.
struct LossInputs {
  std::span<const std::int32_t> offsets;  // (S+1), ascending from 0 to T
  std::span<const double> logprobs, mask;
  std::span<const double> weights, entropies, advantages, oldLogprobs, refLogprobs;
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

struct PpoClipOptions {
  double low = 0.2;
  double high = 0.28;
  std::optional<double> dualClip = {};
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

// Reads logprobs, mask, advantages and, where present, oldLogprobs, refLogprobs, entropies. Needs refLogprobs for a KL
// coefficient and entropies for an entropy coefficient. shares (S) are of the sequences in `in`: an update may be evaluated
// in parts with the shares of the whole.
LossValue ppoClipLoss(const LossOutputs& out, const LossInputs& in, std::span<const double> shares,
                      const PpoClipOptions& options);

}  // namespace agl
