// SAPO: a soft gate in place of the clip.   Gao et al. 2025, arXiv:2511.20347
//   A_i = (r_i - mean_g) / (std_g + eps),   L = mean over rows of the mean over tokens of -(4 / tau) sigmoid(tau (rho - 1)) A
// Where we differ:
//   1. A sequence is a row: one rollout whose calls do not continue each other has several.
import { type SapoOptions, sapo as sapoLoss } from "../policy/losses/sapo.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function sapo(options: PolicyGradientOptions<SapoOptions> = {}): Algorithm {
  checkPolicyGradientNames("sapo", options, {});
  const compare = compareBy({});
  return policyGradient(
    { name: "sapo", compare, loss: sapoLoss, aggregate: { by: "sequence-mean" } },
    options,
  );
}
