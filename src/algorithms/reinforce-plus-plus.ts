// REINFORCE++: advantages whitened over the whole batch, not over groups.   Hu 2025, arXiv:2501.03262
//   A = whiten(G) over all tokens that count, G the return of the token's rollout; with baseline: G less the mean of its group first
// Where we differ:
//   1. No discount within a rollout and no KL in the reward: with gamma 1 every token's return is the reward. A KL term goes into the loss (`loss: { kl }`).
//   2. Clip 0.2 low and 0.28 high, as our grpo.
//   3. The returns are whitened as they are: also groups without variance say something, unless `baseline` takes their mean from them and all are alike.
import { checkBoolean } from "../base/check.js";
import { advantages } from "../policy/advantages.js";
import { type PpoClipOptions, ppoClip } from "../policy/losses/ppo-clip.js";
import type { Algorithm } from "./algorithm.js";
import { type ComparedNumber, compareBy } from "./credited-calls.js";
import { policyGradient } from "./policy-gradient.js";
import { checkPolicyGradientNames, type PolicyGradientOptions } from "./policy-gradient-options.js";

export interface ReinforcePlusPlusOptions extends PolicyGradientOptions<PpoClipOptions> {
  /** Takes the mean of its group from each reward before whitening. Default false: groups may then be of 1. */
  readonly baseline?: boolean;
}

/** @throws E_ARGUMENT */
export function reinforcePlusPlus(options: ReinforcePlusPlusOptions = {}): Algorithm {
  const name = "reinforcePlusPlus";
  checkPolicyGradientNames(name, options, { baseline: ["reinforce_plus_plus_baseline"] });
  checkBoolean(name, "baseline", options.baseline);
  const leastGroupSize = options.baseline === true ? 2 : 1;
  const center = compareBy({ scale: "none" });
  const compare = (numbers: readonly ComparedNumber[]) =>
    whitened(numbers, options.baseline === true ? center(numbers) : numbers.map(({ value }) => value));
  return policyGradient(
    { name, leastGroupSize, compare, loss: ppoClip, aggregate: { by: "token" } },
    options,
  );
}

// --- internal ---

/** Each number weighs as many tokens as it stands on. */
function whitened(numbers: readonly ComparedNumber[], values: ArrayLike<number>): number[] {
  const tokens = numbers.flatMap(({ value, tokens }, i) =>
    Array<number>(Number.isNaN(value) ? 0 : tokens).fill(values[i] ?? 0),
  );
  const white = advantages.whiten(tokens);
  let at = 0;
  return numbers.map(({ value, tokens }) => {
    if (Number.isNaN(value) || tokens === 0) return 0;
    const own = white[at] ?? 0;
    at += tokens;
    return own;
  });
}
