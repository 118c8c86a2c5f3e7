// GSPO: the ratio is that of the whole row.   Zheng et al. 2025, arXiv:2507.18071
//   A_i = (r_i - mean_g) / (std_g + eps),   L = mean over rows of -min(s A, clip(s, 1 - low, 1 + high) A),   s = exp(mean_t (logp_t - old_t))
// Where we differ:
//   1. The token form (equation 13), so that calls of one row may have advantages of their own.
//   2. A sequence is a row: calls of a rollout that continue each other share one ratio.
import { type GspoOptions, gspo as gspoLoss } from "../policy/losses/gspo.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function gspo(options: PolicyGradientOptions<GspoOptions> = {}): Algorithm {
  checkPolicyGradientNames("gspo", options, {});
  const compare = compareBy({});
  return policyGradient(
    { name: "gspo", compare, loss: gspoLoss, aggregate: { by: "sequence-mean" } },
    options,
  );
}
