// The coefficient c_t of each token's surrogate: what is done about tokens that another policy sampled, and about tokens that teach little. None of
// it has a derivative. w_t = exp(old_t - sampled_t); n the tokens of the sequence that count. Denominators keep every token.
//   tis            min(w, max)                                                          truncated importance sampling, Yao et al. 2025
//   icepop         w, 0 outside [min, max]                                              arXiv:2510.18855
//   sequence-mask  1, 0 for the whole sequence when exp((1/n) sum log w) is outside [min, max]
//   off-policy mask  0 where A < 0 and (1/n) sum (sampled - logp) > threshold           DeepSeek-V3.2, arXiv:2512.02556 (old where nothing was sampled)
//   entropy share  0 but on the ceil(share N) tokens of the update of the highest entropy, the earlier first among equals    arXiv:2506.01939
// Rows that were sampled under the very numbers at update start have w = 1 exactly.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace agl {

struct LossInputs;
struct LossSums;

enum class Correction : std::uint8_t { kNone, kTis, kIcepop, kSequenceMask };

struct CorrectionOptions {
  Correction kind = Correction::kNone;
  double min = 0;
  double max = 0;
  std::optional<double> offPolicyThreshold = {};
  std::optional<double> entropyShare = {};
};

// (T) where the mask is not 0; elsewhere untouched. Adds to the sums how many tokens were changed.
void correctionCoefficients(std::span<double> coefficients, const LossInputs& in, const CorrectionOptions& options, LossSums& sums);

}  // namespace agl
