// The clipped ratio of PPO (arXiv:1707.06347) with the options that make it GRPO, DAPO or Dr. GRPO:
//   L = -min(rho A, clip(rho, 1 - low, 1 + high) A) + kl K(logp, ref) - entropy H        rho = exp(logp - old)
// The mathematics, with the closed-form derivatives, is native/ops/loss/policy_loss.h. Differences:
// 1. Clip-higher by default: 0.2 and 0.28 (DAPO, arXiv:2503.14476).
// 2. Log ratios are held within +-20 as verl does; its cap of k3 at 10 is left out, as it removes the pull where it is needed most.
// 3. On the edge itself a token is not clipped.
import { argumentError, checkNumber, checkOneOf } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import { native } from "../engine/binding.js";
import type { NativeLossSums } from "../engine/native-math.js";
import { type Aggregate, aggregateReads, checkAggregate, toNativeAggregate } from "./aggregate.js";
import type { PolicyLoss, TokenInput } from "./policy-loss.js";
import { checkTokenNumbers } from "./token-numbers.js";

export interface PpoClipOptions {
  /** A token with A < 0 stops being pushed below ratio 1 - low. From 0 to 1, default 0.2. */
  readonly low?: number;
  /** A token with A > 0 stops being pushed above ratio 1 + high. At least 0, default 0.28. */
  readonly high?: number;
  /** Above 1 + high: where A < 0, the loss is at most -dualClip A (arXiv:1912.09729; verl uses 3). Default: none. */
  readonly dualClip?: number;
  /** Added per token, towards the reference: k3 is unbiased and never negative, k2 has the right gradient, k1 only the value. */
  readonly kl?: { readonly kind: "k1" | "k2" | "k3"; readonly coefficient: number };
  /** Subtracted per token. */
  readonly entropy?: { readonly coefficient: number };
  /** Default { by: "token" }. */
  readonly aggregate?: Aggregate;
}

/** Beside each name, that of TRL, verl and stable-baselines3. */
export const ppoClipNames: OptionNames<PpoClipOptions> = {
  low: ["epsilon", "epsilon_low", "clip_low", "clip_ratio", "clip_ratio_low", "clip_range", "eps", "clip"],
  high: ["epsilon_high", "clip_high", "clip_ratio_high", "clip_range_high"],
  dualClip: ["clip_ratio_c", "delta"],
  kl: ["kl_loss", "kl_penalty"],
  entropy: ["entropy_loss", "entropy_bonus"],
  aggregate: ["loss_agg_mode", "loss_type", "aggregation", "reduction"],
};
/** What is an option of an option here. */
export const ppoClipElsewhere = {
  beta: 'write kl: { kind: "k3", coefficient }',
  kl_coef: 'write kl: { kind: "k3", coefficient }',
  kl_loss_coef: 'write kl: { kind: "k3", coefficient }',
  init_kl_coef: 'write kl: { kind: "k3", coefficient }',
  entropy_coef: "write entropy: { coefficient }",
  entropy_coeff: "write entropy: { coefficient }",
  ent_coef: "write entropy: { coefficient }",
};

/**
 * Reads mask and advantages, refLogprobs with `kl`, entropies with `entropy`, rollout or group ids with such an aggregate;
 * oldLogprobs if they are there, else the ratio is exactly 1. sampledLogprobs are not used.
 * Metrics: tokens, ratioMean/Min/Max, clipFraction = clipLow + clipHigh, clipDual, klOld (k3), klRef, entropy, logprob.
 * @throws E_ARGUMENT when an option is out of range; evaluate: when an input is absent
 */
export function ppoClip(options: PpoClipOptions = {}): PolicyLoss {
  const name = "losses.ppoClip";
  checkOptions(name, options, ppoClipNames, ppoClipElsewhere);
  if (options.kl !== undefined) checkOptions(`${name}: kl`, options.kl, kKlNames);
  if (options.entropy !== undefined) checkOptions(`${name}: entropy`, options.entropy, kEntropyNames);
  const { kl, entropy } = options;
  const settings = {
    low: checkNumber(name, "low", options.low ?? 0.2, { min: 0, max: 1 }),
    high: checkNumber(name, "high", options.high ?? 0.28, { min: 0 }),
    klKind: checkOneOf(name, "kl.kind", kl === undefined ? "k3" : kl.kind, ["k1", "k2", "k3"]),
    klCoefficient: checkNumber(name, "kl.coefficient", kl === undefined ? 0 : kl.coefficient),
    entropyCoefficient: checkNumber(
      name,
      "entropy.coefficient",
      entropy === undefined ? 0 : entropy.coefficient,
    ),
  };
  const dualClip = checkDualClip(name, options.dualClip, settings.high);
  const aggregate = checkAggregate(name, options.aggregate ?? { by: "token" });
  const reads: TokenInput[] = ["mask", "advantages", ...aggregateReads(aggregate)];
  if (settings.klCoefficient !== 0) reads.push("refLogprobs");
  if (settings.entropyCoefficient !== 0) reads.push("entropies");
  return {
    name,
    reads,
    evaluate(tokens) {
      checkTokenNumbers(name, tokens, reads);
      const nativeAggregate = toNativeAggregate(name, aggregate, tokens);
      const all = { ...settings, dualClip, aggregate: nativeAggregate };
      const { loss, sums, dLogprobs, dEntropies } = native().ppoClipLoss(tokens, all);
      const present = { klRef: tokens.refLogprobs !== undefined, entropy: tokens.entropies !== undefined };
      return { loss, metrics: toMetrics(sums, present), dLogprobs, dEntropies };
    },
  };
}

// --- internal ---

const kKlNames: OptionNames<NonNullable<PpoClipOptions["kl"]>> = {
  kind: ["type", "estimator", "kl_loss_type"],
  coefficient: ["beta", "coef", "kl_coef", "kl_loss_coef", "weight"],
};
const kEntropyNames: OptionNames<NonNullable<PpoClipOptions["entropy"]>> = {
  coefficient: ["coef", "entropy_coef", "entropy_coeff", "weight"],
};
function checkDualClip(who: string, dualClip: number | undefined, high: number): number | undefined {
  if (dualClip === undefined) return undefined;
  if (checkNumber(who, "dualClip", dualClip) > 1 + high) return dualClip;
  throw argumentError(who, `dualClip above 1 + high = ${1 + high}`, dualClip);
}

function toMetrics(
  sums: NativeLossSums,
  present: { readonly klRef: boolean; readonly entropy: boolean },
): Record<string, number> {
  const { tokens } = sums;
  if (tokens === 0) return { tokens };
  return {
    tokens,
    logprob: sums.logprob / tokens,
    ratioMean: sums.ratio / tokens,
    ratioMin: sums.ratioMin,
    ratioMax: sums.ratioMax,
    clipFraction: (sums.clippedLow + sums.clippedHigh) / tokens,
    clipLow: sums.clippedLow / tokens,
    clipHigh: sums.clippedHigh / tokens,
    clipDual: sums.clippedDual / tokens,
    klOld: sums.klOld / tokens,
    ...(present.klRef ? { klRef: sums.klRef / tokens } : {}),
    ...(present.entropy ? { entropy: sums.entropy / tokens } : {}),
  };
}
