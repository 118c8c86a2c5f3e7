// CISPO: the ratio is a weight, bounded and without a derivative, so that no token's gradient vanishes.   MiniMax-M1, arXiv:2506.13585
//   S = -sg(min(rho, max)) A logp
// Differences: no lower bound (the paper's own setting), and max is the bound itself, not 1 + epsilon; default 5 (ScaleRL, arXiv:2510.13786).
import { checkPositive } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface CispoOptions extends SurrogateLossOptions {
  /** The largest weight, above 0. Default 5. */
  readonly max?: number;
}

/** Reads what losses.ppoClip reads. Default aggregate { by: "token" }. @throws E_ARGUMENT as losses.ppoClip */
export function cispo(options: CispoOptions = {}): PolicyLoss {
  const name = "losses.cispo";
  checkOptions(name, options, kNames, surrogateLossElsewhere);
  const max = checkPositive(name, "max", options.max ?? 5);
  return createSurrogateLoss(name, { kind: "cispo", max }, options);
}

// --- internal ---

const kNames: OptionNames<CispoOptions> = {
  max: ["epsilon_high", "clip_high", "cap"],
  ...surrogateLossNames,
};
