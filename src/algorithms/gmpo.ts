// GMPO: the geometric mean of a row's ratios, which outliers move little.   Zhao et al. 2025, arXiv:2507.20673
//   A_i = (r_i - mean_g) / (std_g + eps),   L = mean over rows of -A exp(mean_t bounded log rho_t)
// Where we differ:
//   1. A sequence is a row: calls of a rollout that continue each other share one mean.
import { type GmpoOptions, gmpo as gmpoLoss } from "../policy/losses/gmpo.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function gmpo(options: PolicyGradientOptions<GmpoOptions> = {}): Algorithm {
  checkPolicyGradientNames("gmpo", options, {});
  const compare = compareBy({});
  return policyGradient(
    { name: "gmpo", compare, loss: gmpoLoss, aggregate: { by: "sequence-mean" } },
    options,
  );
}
