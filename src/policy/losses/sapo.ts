// SAPO: a soft gate in place of the clip.   Gao et al. 2025, arXiv:2511.20347
//   S = -(4 / tau) sigmoid(tau (rho - 1)) A,   tau = tauPositive where A > 0, else tauNegative
// Differences: none.
import { checkPositive } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { PolicyLoss } from "./policy-loss.js";
import {
  createSurrogateLoss,
  type SurrogateLossOptions,
  surrogateLossElsewhere,
  surrogateLossNames,
} from "./surrogate-loss.js";

export interface SapoOptions extends SurrogateLossOptions {
  /** Above 0, default 1. */
  readonly tauPositive?: number;
  /** Above 0, default 1.05: tokens that are pushed down are gated sooner. */
  readonly tauNegative?: number;
}

/** Reads what losses.ppoClip reads. Default aggregate { by: "sequence-mean" }. @throws E_ARGUMENT as losses.ppoClip */
export function sapo(options: SapoOptions = {}): PolicyLoss {
  const name = "losses.sapo";
  checkOptions(name, options, kNames, surrogateLossElsewhere);
  const tauPositive = checkPositive(name, "tauPositive", options.tauPositive ?? 1);
  const tauNegative = checkPositive(name, "tauNegative", options.tauNegative ?? 1.05);
  return createSurrogateLoss(name, { kind: "sapo", tauPositive, tauNegative }, options, {
    aggregate: { by: "sequence-mean" },
  });
}

// --- internal ---

const kNames: OptionNames<SapoOptions> = {
  tauPositive: ["tau_pos", "tau"],
  tauNegative: ["tau_neg"],
  ...surrogateLossNames,
};
