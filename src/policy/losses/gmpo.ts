// GMPO: the geometric mean of a sequence's ratios, each bounded where its advantage pushes.   Zhao et al. 2025, arXiv:2507.20673
//   S_t = -A_t exp((1/n) sum_j b_j),   b = min(log rho, bound) where A > 0, max(log rho, -bound) where A < 0
// Differences: the sequence's value stands on each of its tokens, so that aggregation is that of the other losses.
import { checkPositive } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface GmpoOptions extends SurrogateLossOptions {
  /** Of a token's log ratio, above 0. Default 0.4. */
  readonly bound?: number;
}

/** Reads what losses.ppoClip reads. Default aggregate { by: "sequence-mean" }. @throws E_ARGUMENT as losses.ppoClip */
export function gmpo(options: GmpoOptions = {}): PolicyLoss {
  const name = "losses.gmpo";
  checkOptions(name, options, kNames, surrogateLossElsewhere);
  const bound = checkPositive(name, "bound", options.bound ?? 0.4);
  return createSurrogateLoss(name, { kind: "gmpo", bound }, options, {
    aggregate: { by: "sequence-mean" },
  });
}

// --- internal ---

const kNames: OptionNames<GmpoOptions> = {
  bound: ["epsilon", "clip", "clip_range"],
  ...surrogateLossNames,
};
