// How much better a rollout, a step or a token did than expected: checks and explanations here, the mathematics in
// native/ops/loss/advantage.h (float64, deterministic). Not credit assignment: which call earned which reward is src/credit.
import { argumentError, checkNumber, checkOneOf } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { native } from "./engine/binding.js";
import {
  checkFinite,
  checkLength,
  checkMask,
  toDenseIds,
  toFloat64Array,
  toOffsets,
} from "./engine/number-arrays.js";

export interface GroupAdvantageOptions {
  /** What is subtracted: the group's mean, the mean of the others (RLOO), nothing. Default "mean". */
  readonly baseline?: "mean" | "leave-one-out" | "none";
  /** What is divided by: the sample deviation (n - 1) of the group's rewards, of all rewards, nothing. Default "group". */
  readonly scale?: "group" | "batch" | "none";
  /** What a rollout without scored siblings gets when there is a baseline. Default "zero". */
  readonly groupOfOne?: "zero" | "reward";
  /** Added to the deviation. Default 1e-6. */
  readonly epsilon?: number;
}

export interface DiscountOptions {
  /** From 0 to 1. Default 1. */
  readonly gamma?: number;
  /** (S + 1) where each episode begins, and the end; absent: one episode. */
  readonly offsets?: ArrayLike<number>;
}

export interface GaeOptions extends DiscountOptions {
  /** (T) earned at each token. */
  readonly rewards: ArrayLike<number>;
  /** (T) the critic's estimate before each token. */
  readonly values: ArrayLike<number>;
  /** (T) 1 on tokens the policy sampled; absent: all. */
  readonly mask?: ArrayLike<number>;
  /** From 0 (one-step error) to 1 (whole return). Default 1. */
  readonly lambda?: number;
}

/** The public namespace `advantages`. */
export const advantages = {
  group: groupAdvantages,
  discounted: discountedReturns,
  gae: generalizedAdvantages,
  whiten,
} as const;

/**
 * Group-relative advantages: how much better each rollout did than its siblings.
 *   A_i = (r_i - baseline_i) / (deviation + epsilon)
 *   mean, group   GRPO, arXiv:2402.03300      mean, none            Dr. GRPO, arXiv:2503.20783
 *   mean, batch   Lite PPO, arXiv:2508.08221  leave-one-out, none   RLOO, arXiv:2402.14740
 * Equal rewards give exactly 0; a deviation of 0 divides nothing (with baseline "none" the reward stays as it is).
 * A group of one says nothing about how its rollout compares, so it gets 0: advantages sum to zero in every group and ignore a
 * shift of the rewards. `groupOfOne: "reward"` is verl's choice (mean 0, deviation 1), for runs without groups.
 * @param rewards  one per rollout; NaN marks a missing one: it enters no statistic and gets 0
 * @param groups  the group of each rollout, integers or strings, in any order
 * @returns advantages in the order of the rewards
 * @throws E_ARGUMENT when lengths differ, a reward is infinite or an option is unknown; E_NONFINITE when a result overflows
 */
export function groupAdvantages(
  rewards: ArrayLike<number>,
  groups: ArrayLike<number | string>,
  options: GroupAdvantageOptions = {},
): Float64Array {
  const who = "advantages.group";
  const checked = checkGroupOptions(who, options);
  const r = toFloat64Array(who, "rewards", rewards);
  const infinite = r.findIndex((x) => x === Infinity || x === -Infinity);
  if (infinite >= 0)
    throw argumentError(who, `rewards[${infinite}] to be finite or NaN (missing)`, r[infinite]);
  const dense = toDenseIds(who, "groups", groups);
  checkLength(who, "groups", dense.ids, r.length, "rewards");
  return requireFinite(who, native().groupAdvantages(r, dense.ids, dense.count, checked));
}

/** @returns the options with their defaults. @throws E_ARGUMENT naming the option */
export function checkGroupOptions(
  who: string,
  options: GroupAdvantageOptions,
): Required<GroupAdvantageOptions> {
  checkOptions(who, options, kGroupNames);
  const { baseline = "mean", scale = "group", groupOfOne = "zero", epsilon = 1e-6 } = options;
  return {
    baseline: checkOneOf(who, "baseline", baseline, ["mean", "leave-one-out", "none"]),
    scale: checkOneOf(who, "scale", scale, ["group", "batch", "none"]),
    groupOfOne: checkOneOf(who, "groupOfOne", groupOfOne, ["zero", "reward"]),
    epsilon: checkNumber(who, "epsilon", epsilon, { min: 0 }),
  };
}

/**
 * Discounted return of each step: G_t = r_t + gamma G_(t+1), anew in each episode.
 * @param rewards  (T) one per step, episodes laid end to end
 * @returns (T)
 * @throws E_ARGUMENT when a reward is not finite, or gamma or offsets are out of range; E_NONFINITE when a result overflows
 */
export function discountedReturns(rewards: ArrayLike<number>, options: DiscountOptions = {}): Float64Array {
  const who = "advantages.discounted";
  checkOptions(who, options, kDiscountNames);
  const r = toFloat64Array(who, "rewards", rewards);
  checkFinite(who, "rewards", r);
  const gamma = checkNumber(who, "gamma", options.gamma ?? 1, { min: 0, max: 1 });
  return requireFinite(who, native().discountedReturns(r, toOffsets(who, options.offsets, r.length), gamma));
}

/**
 * Generalized advantage estimation over the tokens the policy sampled (Schulman et al. 2016, arXiv:1506.02438).
 *   d_t = r_t + gamma V' - V_t     A_t = d_t + gamma lambda A'     R_t = A_t + V_t
 * V' and A' belong to the next sampled token of the sequence, 0 after the last: tokens between turns are skipped, what stands on
 * them (reward, value, NaN) is not read, and both results are 0 there. So put a reward that follows a turn on the turn's last token.
 * @returns advantages (T), not whitened, and returns (T), the critic's targets
 * @throws E_ARGUMENT when lengths differ, a number on a sampled token is not finite or an option is out of range
 */
export function generalizedAdvantages(options: GaeOptions): {
  readonly advantages: Float64Array;
  readonly returns: Float64Array;
} {
  const who = "advantages.gae";
  checkOptions(who, options, kGaeNames);
  const rewards = toFloat64Array(who, "rewards", options.rewards);
  const values = toFloat64Array(who, "values", options.values);
  checkLength(who, "values", values, rewards.length, "rewards");
  const mask = maskOf(who, options.mask, rewards.length, "rewards");
  checkFinite(who, "rewards", rewards, mask);
  checkFinite(who, "values", values, mask);
  const gamma = checkNumber(who, "gamma", options.gamma ?? 1, { min: 0, max: 1 });
  const lambda = checkNumber(who, "lambda", options.lambda ?? 1, { min: 0, max: 1 });
  const offsets = toOffsets(who, options.offsets, rewards.length);
  const result = native().gae({ rewards, values, mask, offsets }, gamma, lambda);
  return {
    advantages: requireFinite(who, result.advantages),
    returns: requireFinite(who, result.returns),
  };
}

/**
 * Mean 0 and variance 1: (x - mean) / sqrt(variance + 1e-8), sample variance (n - 1), over the tokens whose mask is 1.
 * @returns (T); 0 where the mask is 0, and for a single number
 * @throws E_ARGUMENT when lengths differ or a number that counts is not finite; E_NONFINITE when a result overflows
 */
export function whiten(values: ArrayLike<number>, mask?: ArrayLike<number>): Float64Array {
  const who = "advantages.whiten";
  const x = toFloat64Array(who, "values", values);
  const m = maskOf(who, mask, x.length, "values");
  checkFinite(who, "values", x, m);
  return requireFinite(who, native().whiten(x, m));
}

// --- internal ---

// Beside each name, that of TRL, verl and others.
const kGroupNames: OptionNames<GroupAdvantageOptions> = {
  baseline: ["mean", "estimator", "adv_estimator"],
  scale: ["scale_rewards", "normalize", "norm_adv_by_std_in_grpo"],
  groupOfOne: ["singleton"],
  epsilon: ["eps"],
};
const kDiscountNames: OptionNames<DiscountOptions> = {
  gamma: ["discount", "discount_factor"],
  offsets: ["starts", "episodes"],
};
const kGaeNames: OptionNames<GaeOptions> = {
  ...kDiscountNames,
  rewards: [],
  values: ["critic", "value_estimates"],
  mask: ["response_mask", "loss_mask"],
  lambda: ["lam", "gae_lambda"],
};

function maskOf(who: string, mask: ArrayLike<number> | undefined, length: number, of: string): Float64Array {
  if (mask === undefined) return new Float64Array(length).fill(1);
  const m = toFloat64Array(who, "mask", mask);
  checkLength(who, "mask", m, length, of);
  checkMask(who, "mask", m);
  return m;
}

function requireFinite(who: string, result: Float64Array): Float64Array {
  const i = result.findIndex((x) => !Number.isFinite(x));
  if (i < 0) return result;
  throw new LightningError(
    "E_NONFINITE",
    `${who}: expected finite results, got ${result[i]} at index ${i}; the arguments are too large`,
  );
}
