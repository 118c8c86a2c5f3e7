// What a loss does about tokens that another policy sampled, and which tokens it leaves out: coefficients of the surrogate, without derivatives.
// The mathematics is native/ops/loss/policy_correction.h. Differences from the field:
// 1. A sequence is judged by the geometric mean of its weights, not by their product, which masks long sequences for their length alone.
// 2. What is left out stays in the denominators, so that the rest does not weigh more.
// 3. Rows that were sampled under the numbers at update start have weight 1 exactly: there a correction changes no bit.
import { argumentError, checkNumber, checkOneOf, checkPositive } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import type { NativeCorrection } from "../engine/native-math.js";
import type { TokenInput } from "./policy-loss.js";

/**
 * By w = exp(oldLogprobs - sampledLogprobs):
 *   none           1
 *   tis            min(w, cap)                               default cap 2 (verl)
 *   icepop         w, and 0 outside [min, max]               default 0.5 and 5 (NeMo-RL)
 *   sequence-mask  0 for a sequence whose geometric mean of w is outside [min, max]   default 0.999 and 1.002
 */
export type Correction =
  | { readonly kind: "none" }
  | { readonly kind: "tis"; readonly cap?: number }
  | { readonly kind: "icepop" | "sequence-mask"; readonly min?: number; readonly max?: number };

export interface CorrectionOptions {
  /** For rows of other versions or engines. Default: none; grpo's is tis for an update that holds such rows. */
  readonly correction?: Correction;
  /**
   * Tokens with A < 0 of a sequence whose mean of (when sampled - now) is above the threshold, in nats, are left out
   * (DeepSeek-V3.2, arXiv:2512.02556; TRL uses 0.5). Default: none.
   */
  readonly offPolicyMask?: { readonly threshold: number };
  /** The share of tokens, above 0 up to 1, that are learned from: those of the highest entropy (arXiv:2506.01939, which keeps 0.2). Default: all. */
  readonly entropyShare?: number;
}

/** Beside each name, that of TRL, verl and SkyRL. */
export const correctionNames: OptionNames<CorrectionOptions> = {
  correction: ["rollout_correction", "importance_sampling_correction", "tis", "rollout_is"],
  offPolicyMask: ["off_policy_mask", "off_policy_mask_threshold", "opsm"],
  entropyShare: ["top_entropy_quantile", "entropy_quantile"],
};

/** @returns what the engine reads. @throws E_ARGUMENT naming the field */
export function checkCorrection(who: string, options: CorrectionOptions): NativeCorrection {
  const { correction, offPolicyMask, entropyShare } = options;
  if (offPolicyMask !== undefined)
    checkOptions(`${who}: offPolicyMask`, offPolicyMask, { threshold: ["delta"] });
  return {
    ...(correction === undefined ? { kind: "none" } : toNative(who, correction)),
    ...(offPolicyMask === undefined
      ? {}
      : { offPolicyThreshold: checkNumber(who, "offPolicyMask.threshold", offPolicyMask.threshold) }),
    ...(entropyShare === undefined ? {} : { entropyShare: checkShare(who, entropyShare) }),
  };
}

/** What a correction reads. */
export function correctionReads({ kind, entropyShare }: NativeCorrection): readonly TokenInput[] {
  return [
    ...(kind === "none" ? [] : (["sampledLogprobs"] as const)),
    ...(entropyShare === undefined ? [] : (["entropies"] as const)),
  ];
}

// --- internal ---

const kKinds = ["none", "tis", "icepop", "sequence-mask"] as const;
const kTisNames = { kind: [], cap: ["max", "clip", "threshold"] };
const kRangeNames = { kind: [], min: ["low", "lower"], max: ["high", "upper"] };

function toNative(who: string, correction: Correction): NativeCorrection {
  if (typeof correction !== "object" || correction === null)
    throw argumentError(who, 'correction to be an object such as { kind: "tis" }', correction);
  const kind = checkOneOf(who, "correction.kind", correction.kind, kKinds);
  const at = `${who}: correction`;
  if (correction.kind === "none") {
    checkOptions(at, correction, { kind: [] });
    return { kind: "none" };
  }
  if (correction.kind === "tis") {
    checkOptions(at, correction, kTisNames);
    return { kind, max: checkPositive(who, "correction.cap", correction.cap ?? 2) };
  }
  checkOptions(at, correction, kRangeNames);
  const [least, most] = kind === "icepop" ? [0.5, 5] : [0.999, 1.002];
  const min = checkNumber(who, "correction.min", correction.min ?? least, { min: 0 });
  const max = checkPositive(who, "correction.max", correction.max ?? most);
  if (!(min < max)) throw argumentError(who, `correction.min below correction.max = ${max}`, min);
  return { kind, min, max };
}

function checkShare(who: string, share: number): number {
  return checkPositive(who, "entropyShare", checkNumber(who, "entropyShare", share, { max: 1 }));
}
