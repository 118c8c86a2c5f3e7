// RLOO: each rollout against the mean of the others, and plain REINFORCE.   Ahmadian et al. 2024, arXiv:2402.14740
//   A_i = r_i - mean of r_j over j != i,   L = mean over rows of -A sum_t logp_t
// Where we differ:
//   1. No KL term in the reward unless the loss is given one (`loss: { kl }`), so no reference pass.
//   2. A rollout's rows are samples of their own; where all calls of a rollout continue each other, it is one row, as in the paper.
//   3. Further updates of a step (`updates`) have no ratio: one is right.
import { reinforce } from "../policy/losses/reinforce.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function rloo(options: PolicyGradientOptions = {}): Algorithm {
  checkPolicyGradientNames("rloo", options, {});
  const compare = compareBy({ baseline: "leave-one-out", scale: "none" });
  return policyGradient(
    { name: "rloo", compare, loss: reinforce, aggregate: { by: "sequence-sum" } },
    options,
  );
}
