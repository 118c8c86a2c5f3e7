// What grpo may be told, with what TRL, verl and unsloth call it.
import { checkOptions, type OptionNames } from "../base/options.js";
import { checkGroupOptions, type GroupAdvantageOptions } from "../policy/advantages.js";
import { type PpoClipOptions, ppoClipNames } from "../policy/losses/ppo-clip.js";
import { surrogateLossElsewhere } from "../policy/losses/surrogate-loss.js";
import {
  type PolicyGradientOptions,
  policyGradientElsewhere,
  policyGradientNames,
} from "./policy-gradient-options.js";

/** Of the loss: clip range, KL and aggregation. Default low 0.2, high 0.28, aggregate by rollout. Groups are of at least 2. */
export interface GrpoOptions extends PolicyGradientOptions<PpoClipOptions> {
  /** How rewards become advantages. Default baseline "mean", scale "group". */
  readonly advantage?: GroupAdvantageOptions;
}

/** Everything but the numbers, which are checked where they are used. @throws E_ARGUMENT */
export function checkGrpoNames(options: GrpoOptions): void {
  checkOptions("grpo", options, kNames, kElsewhere);
  if (options.loss !== undefined)
    checkOptions("grpo: loss", options.loss, ppoClipNames, surrogateLossElsewhere);
  if (options.advantage !== undefined) checkGroupOptions("grpo: advantage", options.advantage);
}

// --- internal ---

const kNames: OptionNames<GrpoOptions> = {
  ...policyGradientNames,
  advantage: ["advantages", "advantage_estimator"],
  dead: ["dead_groups", "filter_groups"],
};
const kInAdvantage = 'give it inside advantage, as in advantage: { scale: "none" }';
const kElsewhere = {
  ...policyGradientElsewhere,
  scale: kInAdvantage,
  baseline: kInAdvantage,
  scale_rewards: kInAdvantage,
};
