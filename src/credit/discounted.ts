// Discounted return to go: what a call and those after it earned, compared with calls of the same place in their rollouts.
//   G_t = sum_(k >= t) gamma^(k - t) r_k,  the final reward added to the last call's
// Differences from returns in a critic's place: no value function; siblings at the same index are the baseline.
import { checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Credit } from "../types/credit.js";
import { returnsToGo } from "./returns.js";
import { checkScale, type TermScale, termScaleNames } from "./term-scale.js";

export interface DiscountedOptions {
  /** What a reward is worth one call earlier. From 0 to 1, default 0.95. */
  readonly gamma?: number;
  /** "std" (default): divided by the deviation of the set; "mean": centred alone. */
  readonly scale?: TermScale;
}

/** A call that no other rollout has a counterpart of gets 0. @throws E_ARGUMENT naming the option */
export function discounted(options: DiscountedOptions = {}): Credit {
  const who = "credit.discounted";
  checkOptions(who, options, kNames);
  const gamma = checkNumber(who, "gamma", options.gamma ?? 0.95, { min: 0, max: 1 });
  const scale = checkScale(who, options.scale);
  return ({ rollouts }) => [
    {
      of: "call",
      values: rollouts.flatMap((rollout) => returnsToGo(rollout, gamma)),
      sets: rollouts.flatMap(({ calls }) => [...calls.keys()]),
      ...{ scale, weight: 1 },
    },
  ];
}

// --- internal ---

const kNames: OptionNames<DiscountedOptions> = {
  gamma: ["discount", "discount_factor"],
  ...termScaleNames,
};
