// GSPO: the ratio is the sequence's, the geometric mean of its tokens' ratios.   Zheng et al. 2025, arXiv:2507.18071
//   S = -min(s A, clip(s, 1 - low, 1 + high) A),   s = exp((1/n) sum_t (logp_t - old_t)), as sg(s) pi_t / sg(pi_t) in every token
// Differences: the token form (equation 13), so that tokens of one sequence may have advantages of their own; where they are equal it is the sequence's.
import { checkNumber } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface GspoOptions extends SurrogateLossOptions {
  /** Default 3e-4, as the paper: a geometric mean moves little. From 0 to 1. */
  readonly low?: number;
  /** Default 4e-4. At least 0. */
  readonly high?: number;
}

/** Reads what losses.ppoClip reads. Default aggregate { by: "sequence-mean" }. @throws E_ARGUMENT as losses.ppoClip */
export function gspo(options: GspoOptions = {}): PolicyLoss {
  const name = "losses.gspo";
  checkOptions(name, options, kNames, surrogateLossElsewhere);
  const low = checkNumber(name, "low", options.low ?? 3e-4, { min: 0, max: 1 });
  const high = checkNumber(name, "high", options.high ?? 4e-4, { min: 0 });
  return createSurrogateLoss(name, { kind: "gspo", low, high }, options, {
    aggregate: { by: "sequence-mean" },
  });
}

// --- internal ---

const kNames: OptionNames<GspoOptions> = {
  low: ["epsilon", "epsilon_low", "clip_low", "clip_ratio_low"],
  high: ["epsilon_high", "clip_high", "clip_ratio_high"],
  ...surrogateLossNames,
};
