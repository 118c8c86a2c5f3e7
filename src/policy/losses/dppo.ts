// DPPO: a token is left out when its probability has moved too far the way its advantage pushes.   Qi et al. 2026, arXiv:2602.04879
//   S = -(pi / mu) A, 0 where A > 0 and pi - mu > high or A < 0 and mu - pi > low        mu: the probability when it was sampled
// Differences: total variation alone (the paper has a binary KL too).
import { checkNumber } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface DppoOptions extends SurrogateLossOptions {
  /** Of a probability, from 0 to 1. Default 0.2. */
  readonly low?: number;
  /** Default 0.2. */
  readonly high?: number;
}

/** Reads mask, advantages, sampledLogprobs and what its options need. Default aggregate { by: "token" }. @throws E_ARGUMENT as losses.ppoClip */
export function dppo(options: DppoOptions = {}): PolicyLoss {
  const name = "losses.dppo";
  checkOptions(name, options, kNames, surrogateLossElsewhere);
  const low = checkNumber(name, "low", options.low ?? 0.2, { min: 0, max: 1 });
  const high = checkNumber(name, "high", options.high ?? 0.2, { min: 0, max: 1 });
  return createSurrogateLoss(name, { kind: "dppo", low, high }, options, { isToSampled: true });
}

// --- internal ---

const kNames: OptionNames<DppoOptions> = {
  low: ["delta_low", "epsilon_low", "clip_low"],
  high: ["delta_high", "epsilon_high", "clip_high"],
  ...surrogateLossNames,
};
