// OPO: exact on-policy updates with the baseline of least variance.   Hao et al. 2025, arXiv:2505.23585
//   A_i = r_i - b,   b = sum_i len_i r_i / sum_i len_i over the group,   L = mean over rows of -A sum_t logp_t
// Where we differ:
//   1. A length is the tokens that the policy chose in all calls of the rollout, those of the rows that are trained or not.
//   2. One update a step unless told otherwise; without a ratio more are not on policy.
import { reinforce } from "../policy/losses/reinforce.js";
import type { Algorithm } from "./algorithm.js";
import { compareSets } from "./compare-sets.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function opo(options: PolicyGradientOptions = {}): Algorithm {
  checkPolicyGradientNames("opo", options, {});
  const compare = compareSets((numbers) => {
    const tokens = numbers.reduce((sum, number) => sum + number.tokens, 0);
    const [first] = numbers;
    // Equal rewards are their own baseline, exactly; so is one.
    if (tokens === 0 || numbers.every(({ value }) => value === first?.value)) return numbers.map(() => 0);
    const baseline = numbers.reduce((sum, number) => sum + number.tokens * number.value, 0) / tokens;
    return numbers.map(({ value }) => value - baseline);
  });
  return policyGradient(
    { name: "opo", compare, loss: reinforce, aggregate: { by: "sequence-sum" } },
    options,
  );
}
