// The policy gradient of samples from another policy, weighted and not bounded.
//   S = -(pi / mu) A        mu: the probability when the token was sampled
// Differences: per token, not per sequence; without a bound it holds only near the policy that sampled.
import { checkOptions } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

/** Reads mask, advantages, sampledLogprobs and what its options need. Default aggregate { by: "token" }. @throws E_ARGUMENT as losses.ppoClip */
export function importanceSampling(options: SurrogateLossOptions = {}): PolicyLoss {
  const name = "losses.importanceSampling";
  checkOptions(name, options, surrogateLossNames, surrogateLossElsewhere);
  return createSurrogateLoss(name, { kind: "importance" }, options, { isToSampled: true });
}
