// MaxRL: the rarer a success, the more it says, as in maximum likelihood.   2026, arXiv:2602.02710
//   A_i = (r_i - mean_g) / (mean_g + eps),   eps 1e-6
// Where we differ:
//   1. The clipped ratio of grpo, so that several updates of a step are possible; in the first one it is the paper's gradient.
//   2. Rewards must not be negative: the mean is divided by. A group whose rewards are all 0 says nothing.
import { argumentError } from "../base/check.js";
import { type PpoClipOptions, ppoClip } from "../policy/losses/ppo-clip.js";
import type { Algorithm } from "./algorithm.js";
import { compareSets } from "./compare-sets.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

/** @throws E_ARGUMENT; its update for a negative reward */
export function maxRl(options: PolicyGradientOptions<PpoClipOptions> = {}): Algorithm {
  checkPolicyGradientNames("maxRl", options, {});
  const compare = compareSets((numbers) => {
    const [first] = numbers;
    const negative = numbers.find(({ value }) => value < 0);
    if (negative !== undefined)
      throw argumentError("maxRl", "rewards of at least 0", negative.value, "shift them, or use grpo");
    if (numbers.every(({ value }) => value === first?.value)) return numbers.map(() => 0);
    const mean = numbers.reduce((sum, { value }) => sum + value, 0) / numbers.length;
    return numbers.map(({ value }) => (value - mean) / (mean + kEpsilon));
  });
  return policyGradient({ name: "maxRl", compare, loss: ppoClip, aggregate: { by: "rollout" } }, options);
}

// --- internal ---

const kEpsilon = 1e-6;
