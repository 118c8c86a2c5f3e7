// DPPO: a token is left out when its probability moved too far, by difference and not by ratio.   Qi et al. 2026, arXiv:2602.04879
//   A_i = r_i - mean_g,   L = mean over tokens of -(pi / mu) A, 0 where A > 0 and pi - mu > high or A < 0 and mu - pi > low
// Where we differ:
//   1. Total variation alone; the paper has a binary KL too.
//   2. The ratio is to what sampled, also of rows of older versions, so that they get no further correction.
import { type DppoOptions, dppo as dppoLoss } from "../policy/losses/dppo.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function dppo(options: PolicyGradientOptions<DppoOptions> = {}): Algorithm {
  checkPolicyGradientNames("dppo", options, {});
  const compare = compareBy({ scale: "none" });
  return policyGradient(
    { name: "dppo", compare, loss: dppoLoss, aggregate: { by: "token" }, isToSampled: true },
    options,
  );
}
