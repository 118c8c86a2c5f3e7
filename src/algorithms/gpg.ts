// GPG: the policy gradient and nothing else.   Chu et al. 2025, arXiv:2504.02546
//   A_i = alpha (r_i - mean_g),   alpha = B / (B - M), B rollouts of which M are in groups that say nothing,   L = mean over tokens of -A logp
// Where we differ:
//   1. The normaliser of rewards (F_norm) is 1, the paper's choice without the deviation.
//   2. alpha is there to make up for dead groups in the mean, so it counts only where they are in it: with `dead: "count"`. Dropped, alpha is 1.
import { reinforce } from "../policy/losses/reinforce.js";
import type { Algorithm } from "./algorithm.js";
import { type ComparedNumber, compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function gpg(options: PolicyGradientOptions = {}): Algorithm {
  checkPolicyGradientNames("gpg", options, {});
  const center = compareBy({ scale: "none" });
  const compare = (numbers: readonly ComparedNumber[]) => {
    const values = Array.from(center(numbers));
    const living = new Set(numbers.flatMap(({ set }, i) => (values[i] === 0 ? [] : [set])));
    const count = numbers.filter(({ set }) => living.has(set)).length;
    return count === 0 ? values : values.map((value) => (value * numbers.length) / count);
  };
  return policyGradient({ name: "gpg", compare, loss: reinforce, aggregate: { by: "token" } }, options);
}
