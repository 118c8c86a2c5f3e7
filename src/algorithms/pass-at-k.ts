// Pass at k: only the best rollout of a group learns, by how far it is ahead.   Tang et al. 2025, arXiv:2503.19595
//   A_best = (r_best - r_second) / (std_g + eps), 0 for the others; eps 1e-6, sample deviation
// Where we differ:
//   1. Of several best ones none is ahead: the group says nothing.
//   2. The advantages of a group do not sum to zero: nothing is pushed down.
import { type PpoClipOptions, ppoClip } from "../policy/losses/ppo-clip.js";
import type { Algorithm } from "./algorithm.js";
import { compareSets } from "./compare-sets.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT */
export function passAtK(options: PolicyGradientOptions<PpoClipOptions> = {}): Algorithm {
  checkPolicyGradientNames("passAtK", options, {});
  const compare = compareSets((numbers) => {
    const values = numbers.map(({ value }) => value);
    const [best = 0, second = best] = values.toSorted((a, b) => b - a);
    if (best === second) return values.map(() => 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return values.map((value) => (value === best ? (best - second) / (Math.sqrt(variance) + kEpsilon) : 0));
  });
  return policyGradient({ name: "passAtK", compare, loss: ppoClip, aggregate: { by: "rollout" } }, options);
}

// --- internal ---

const kEpsilon = 1e-6;
