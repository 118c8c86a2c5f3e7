// What stands in each token's loss for the policy gradient, by family. rho_t = exp(logp_t - old_t), A_t the advantage, mu_t the probability when the
// token was sampled, n the tokens of the sequence that count, c_t the coefficient of a correction, sg a factor whose derivative is not taken.
//   clip        -min(rho A, clip(rho, 1 - low, 1 + high) A)                                       PPO, arXiv:1707.06347; d = -rho A, 0 where bounded
//                 clip-higher high > low: DAPO, arXiv:2503.14476; dual clip: where A < 0 at most -dualClip A, arXiv:1912.09729
//   gspo        the same with s = exp((1/n) sum_t log rho_t) for rho, written sg(s) pi_t / sg(pi_t)   GSPO (token form), arXiv:2507.18071; d = -s A_t
//   cispo       -sg(min(rho, max)) A logp                                                         MiniMax-M1, arXiv:2506.13585; d = -min(rho, max) A
//   sapo        -(4 / tau) sigmoid(tau (rho - 1)) A, tau by the sign of A                         arXiv:2511.20347; d = -4 g (1 - g) rho A, g the sigmoid
//   gmpo        -A_t exp((1/n) sum_j b_j), b log rho held at +bound where A > 0, -bound where A < 0   arXiv:2507.20673; d_j = -(s / n) sum_t c_t A_t, 0 where held
//   dppo        -(pi / mu) A, 0 where A > 0 and pi - mu > high or A < 0 and mu - pi > low          arXiv:2602.04879; d = its value
//   reinforce   -A logp                                                                           Williams 1992; d = -A
//   importance  -(pi / mu) A                                                                      d = its value
// On an edge itself a token is not bounded. Log ratios are held within +-20 where they are exponentiated; beyond, their derivative is 0.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace agl {

struct LossInputs;
struct LossSums;

enum class Surrogate : std::uint8_t { kClip, kGspo, kCispo, kSapo, kGmpo, kDppo, kReinforce, kImportance };

struct SurrogateOptions {
  Surrogate kind = Surrogate::kClip;
  double low = 0.2;
  double high = 0.28;
  std::optional<double> dualClip = {};
  double max = 5;            // kCispo
  double tauPositive = 1;    // kSapo
  double tauNegative = 1.05;
  double bound = 0.4;        // kGmpo
};

struct TokenLoss {
  double value = 0;
  double dLogprob = 0;
};

// The terms of one sequence, c_t times the surrogate and its derivative: terms, coefficients and in's tokens [begin, begin + terms.size()). Tokens
// whose mask is 0 are not read and not written. Adds ratios and bounded tokens to the sums.
void surrogateTerms(std::span<TokenLoss> terms, std::span<const double> coefficients, const LossInputs& in, std::size_t begin,
                    const SurrogateOptions& options, LossSums& sums);

}  // namespace agl
