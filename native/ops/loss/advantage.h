// Advantages: how much better a rollout, a step or a token did than expected. Float64, on the caller's thread; sums run in
// ascending order, so the result is a function of the arguments alone.
//   group       A_i = (r_i - b_i) / (s + eps)              GRPO, arXiv:2402.03300; scale none: Dr. GRPO, arXiv:2503.20783
//     b_i       mean of the group | mean of the others (RLOO, arXiv:2402.14740: n/(n-1) (r_i - mean)) | 0
//     s         sample deviation (n - 1) of the group | of the batch (arXiv:2508.08221), of rewards, not of A
//   discounted  G_t = r_t + gamma G_{t+1}, within a sequence
//   gae         d_t = r_t + gamma V' - V_t, A_t = d_t + gamma lambda A', R_t = A_t + V_t        arXiv:1506.02438
//               where V', A' belong to the next token whose mask is not 0, and are 0 after the last
//   whiten      y = (x - mean) / sqrt(var + 1e-8), sample variance over tokens whose mask is not 0
// Deviations are taken from the first reward, not from zero: rewards that are equal have a deviation of exactly 0, whatever
// their sum rounds to. Spans of one call have one length; offsets (S+1) ascend from 0 to it; outputs are overwritten.
#pragma once

#include <cstdint>
#include <span>

namespace agl {

enum class Baseline { kMean, kLeaveOneOut, kNone };
enum class AdvantageScale { kGroup, kBatch, kNone };
// What a rollout without scored siblings gets when there is a baseline.
enum class GroupOfOne { kZero, kReward };

struct GroupAdvantageOptions {
  Baseline baseline = Baseline::kMean;
  AdvantageScale scale = AdvantageScale::kGroup;
  GroupOfOne groupOfOne = GroupOfOne::kZero;
  double epsilon = 1e-6;
};

// groups[i] in [0, groupCount). NaN rewards are missing: they enter no statistic and get 0. Where s is 0 or there are fewer
// than two rewards to take it of, nothing is divided.
void groupAdvantages(std::span<double> advantages, std::span<const double> rewards, std::span<const std::int32_t> groups,
                     std::int64_t groupCount, const GroupAdvantageOptions& options);

void discountedReturns(std::span<double> returns, std::span<const double> rewards, std::span<const std::int32_t> offsets,
                       double gamma);

struct GaeInputs {
  std::span<const double> rewards, values, mask;
  std::span<const std::int32_t> offsets;
};
// Where mask is 0 nothing is read and both outputs are 0.
void gae(std::span<double> advantages, std::span<double> returns, const GaeInputs& inputs, double gamma, double lambda);

// Where mask is 0 nothing is read and the output is 0; a single value gives 0.
void whiten(std::span<double> whitened, std::span<const double> values, std::span<const double> mask);

}  // namespace agl
