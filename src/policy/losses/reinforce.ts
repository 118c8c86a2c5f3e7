// REINFORCE: the score function itself.   Williams 1992, Machine Learning 8:229
//   S = -A logp
// Differences: none; it is right for rows of the policy as it is, or with a correction.
import { checkOptions } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

/** Reads mask, advantages and what its options need. Default aggregate { by: "token" }. @throws E_ARGUMENT as losses.ppoClip */
export function reinforce(options: SurrogateLossOptions = {}): PolicyLoss {
  const name = "losses.reinforce";
  checkOptions(name, options, surrogateLossNames, surrogateLossElsewhere);
  return createSurrogateLoss(name, { kind: "reinforce" }, options);
}
