// The clipped ratio of PPO (arXiv:1707.06347) with the options that make it GRPO, DAPO or Dr. GRPO:
//   S = -min(rho A, clip(rho, 1 - low, 1 + high) A)        rho = exp(logp - old)
// The mathematics, with the closed-form derivatives, is native/ops/loss/policy_surrogate.h. Differences:
// 1. Clip-higher by default: 0.2 and 0.28 (DAPO, arXiv:2503.14476).
// 2. Log ratios are held within +-20 as verl does; its cap of k3 at 10 is left out, as it removes the pull where it is needed most.
// 3. On the edge itself a token is not clipped.
import { argumentError, checkNumber } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface PpoClipOptions extends SurrogateLossOptions {
  /** A token with A < 0 stops being pushed below ratio 1 - low. From 0 to 1, default 0.2. */
  readonly low?: number;
  /** A token with A > 0 stops being pushed above ratio 1 + high. At least 0, default 0.28. */
  readonly high?: number;
  /** Above 1 + high: where A < 0, the loss is at most -dualClip A (arXiv:1912.09729; verl uses 3). Default: none. */
  readonly dualClip?: number;
}

/** Beside each name, that of TRL, verl and stable-baselines3. */
export const ppoClipNames: OptionNames<PpoClipOptions> = {
  low: ["epsilon", "epsilon_low", "clip_low", "clip_ratio", "clip_ratio_low", "clip_range", "eps", "clip"],
  high: ["epsilon_high", "clip_high", "clip_ratio_high", "clip_range_high"],
  dualClip: ["clip_ratio_c", "delta"],
  ...surrogateLossNames,
};

/**
 * Reads mask and advantages, what its options need (see SurrogateLossOptions), and oldLogprobs if they are there, else the ratio is exactly 1.
 * Default aggregate { by: "token" }.
 * @throws E_ARGUMENT when an option is out of range; evaluate: when an input is absent
 */
export function ppoClip(options: PpoClipOptions = {}): PolicyLoss {
  const name = "losses.ppoClip";
  checkOptions(name, options, ppoClipNames, surrogateLossElsewhere);
  const high = checkNumber(name, "high", options.high ?? 0.28, { min: 0 });
  const low = checkNumber(name, "low", options.low ?? 0.2, { min: 0, max: 1 });
  const dualClip = checkDualClip(name, options.dualClip, high);
  return createSurrogateLoss(name, { kind: "clip", low, high, dualClip }, options);
}

// --- internal ---

function checkDualClip(who: string, dualClip: number | undefined, high: number): number | undefined {
  if (dualClip === undefined) return undefined;
  if (checkNumber(who, "dualClip", dualClip) > 1 + high) return dualClip;
  throw argumentError(who, `dualClip above 1 + high = ${1 + high}`, dualClip);
}
