// GiGPO: groups within the group. Calls that stood before the same thing are each other's baseline.   Feng et al. 2025, arXiv:2505.10978
//   A = z(episode) + weight z(R_t within its bucket),   R_t = sum_(k >= t) gamma^(k - t) r_k
// The episode is the sum of its rewards, its calls' and the final one; a bucket holds the calls of all rollouts of the group with one anchor.
// Differences from the paper:
//   1. The anchor is by default what the agent was told since its previous call; states that the world names are given as `anchor`.
//   2. Anchors are equal or not: no similarity of texts.
//   3. The final reward belongs to the last call; rewards of calls are those that were matched to them.
//   4. A call alone in its bucket gets 0 of the second term, so that one that nobody can be compared with is learned by its episode alone.
import { checkFunction, checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Credit, CreditCall, CreditRollout } from "../types/credit.js";
import { addedText } from "./added-text.js";
import { episodeReturn, returnsToGo } from "./returns.js";
import { checkScale, type TermScale, termScaleNames } from "./term-scale.js";

export interface GigpoOptions {
  /** What a reward is worth one call earlier. From 0 to 1, default 0.95. */
  readonly gamma?: number;
  /** Of the second term. Default 1. */
  readonly weight?: number;
  /** Of both terms: "std" (default), or "mean", which the paper finds better for hard tasks. */
  readonly scale?: TermScale;
  /**
   * What a call stood before, as a text that is equal for equal states; null: nothing to be compared by. `before` are the rollout's earlier calls.
   * Default: the text of the messages added since the agent's previous call, its own answers left out.
   */
  readonly anchor?: (call: CreditCall, before: readonly CreditCall[]) => string | null;
}

/** `credit/anchored` says what share of the calls had a counterpart. @throws E_ARGUMENT naming the option */
export function gigpo(options: GigpoOptions = {}): Credit {
  const who = "credit.gigpo";
  checkOptions(who, options, kNames);
  const gamma = checkNumber(who, "gamma", options.gamma ?? 0.95, { min: 0, max: 1 });
  const weight = checkNumber(who, "weight", options.weight ?? 1);
  const scale = checkScale(who, options.scale);
  checkFunction(who, "anchor", options.anchor);
  const anchor = options.anchor ?? addedText;
  return ({ rollouts }) => [
    {
      of: "rollout",
      values: rollouts.map(episodeReturn),
      sets: rollouts.map(() => 0),
      ...{ scale, weight: 1 },
    },
    {
      of: "call",
      values: rollouts.flatMap((rollout) => returnsToGo(rollout, gamma)),
      sets: toBuckets(rollouts, anchor),
      ...{ scale, weight },
    },
  ];
}

// --- internal ---

const kNames: OptionNames<GigpoOptions> = {
  gamma: ["discount", "step_gamma"],
  weight: ["omega", "step_advantage_w", "step_weight"],
  ...termScaleNames,
  anchor: ["state", "observation", "anchor_obs"],
};

/** The bucket of each call, rollouts by sample. A call without an anchor has one of its own. */
function toBuckets(
  rollouts: readonly CreditRollout[],
  anchor: NonNullable<GigpoOptions["anchor"]>,
): number[] {
  const buckets = new Map<string, number>();
  let next = 0;
  return rollouts.flatMap(({ calls }) =>
    calls.map((call, i) => {
      const state = anchor(call, calls.slice(0, i));
      if (state === null) return next++;
      const known = buckets.get(state);
      if (known !== undefined) return known;
      buckets.set(state, next);
      return next++;
    }),
  );
}
