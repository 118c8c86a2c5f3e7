// Dr. GRPO: GRPO without its two biases.   Liu et al. 2025, arXiv:2503.20783
//   A_i = r_i - mean_g,   L = (1 / (rows length)) sum over rows and their tokens of -min(rho A, clip(rho, 1 - low, 1 + high) A)
// Where we differ:
//   1. The constant `length` is the most tokens that a row may have sampled, by default the 512 of the trainer's own sampling.maxTokens.
//   2. Clip 0.2 low and 0.28 high, as our grpo; the paper's is 0.2 on both sides.
import { checkPositive } from "../base/check.js";
import { type PpoClipOptions, ppoClip } from "../policy/losses/ppo-clip.js";
import type { Algorithm } from "./algorithm.js";
import { compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

export interface DrGrpoOptions extends PolicyGradientOptions<PpoClipOptions> {
  /** What each row's sum over tokens is divided by, in tokens. Default 512. */
  readonly length?: number;
}

/** @throws E_ARGUMENT */
export function drGrpo(options: DrGrpoOptions = {}): Algorithm {
  checkPolicyGradientNames("drGrpo", options, { length: ["max_completion_length", "max_length"] });
  const length = checkPositive("drGrpo", "length", options.length ?? 512);
  const compare = compareBy({ scale: "none" });
  return policyGradient(
    { name: "drGrpo", compare, loss: ppoClip, aggregate: { by: "constant", length } },
    options,
  );
}
