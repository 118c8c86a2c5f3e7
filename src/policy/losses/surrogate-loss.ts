// What all policy losses share beside their surrogate: KL, entropy, corrections, aggregation, and their numbers.
//   L = c S + kl K(logp, ref) - entropy H        S the surrogate, native/ops/loss/policy_surrogate.h; c a correction's coefficient
import { checkNumber, checkOneOf } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import { native } from "../engine/binding.js";
import type { NativeLossSums, NativeSurrogate } from "../engine/native-math.js";
import { type Aggregate, aggregateReads, checkAggregate, toNativeAggregate } from "./aggregate.js";
import { type CorrectionOptions, checkCorrection, correctionNames, correctionReads } from "./correction.js";
import type { PolicyLoss, TokenInput } from "./policy-loss.js";
import { checkTokenNumbers } from "./token-numbers.js";

export interface SurrogateLossOptions extends CorrectionOptions {
  /** Added per token, towards the reference: k3 is unbiased and never negative, k2 has the right gradient, k1 only the value. */
  readonly kl?: { readonly kind: "k1" | "k2" | "k3"; readonly coefficient: number };
  /** Subtracted per token. */
  readonly entropy?: { readonly coefficient: number };
  /** Default by the loss. */
  readonly aggregate?: Aggregate;
}

/** Beside each name, that of TRL, verl and stable-baselines3. */
export const surrogateLossNames: OptionNames<SurrogateLossOptions> = {
  kl: ["kl_loss", "kl_penalty"],
  entropy: ["entropy_loss", "entropy_bonus"],
  aggregate: ["loss_agg_mode", "loss_type", "aggregation", "reduction"],
  ...correctionNames,
};
/** What is an option of an option here. */
export const surrogateLossElsewhere = {
  beta: 'write kl: { kind: "k3", coefficient }',
  kl_coef: 'write kl: { kind: "k3", coefficient }',
  kl_loss_coef: 'write kl: { kind: "k3", coefficient }',
  init_kl_coef: 'write kl: { kind: "k3", coefficient }',
  entropy_coef: "write entropy: { coefficient }",
  entropy_coeff: "write entropy: { coefficient }",
  ent_coef: "write entropy: { coefficient }",
};

/**
 * Metrics: tokens, logprob, ratioMean/Min/Max, clipFraction = clipLow + clipHigh, clipDual, klOld (k3), klRef and entropy where they are known;
 * with a correction correctionMean and correctionDropped, the share of tokens whose coefficient is 0.
 * @param isToSampled  whether its ratio is to the numbers of sampling
 * @param aggregate  the default
 * @throws E_ARGUMENT when an option is out of range; evaluate: when an input is absent
 */
export function createSurrogateLoss(
  name: string,
  surrogate: NativeSurrogate,
  options: SurrogateLossOptions,
  { isToSampled = false, aggregate = { by: "token" } as Aggregate } = {},
): PolicyLoss {
  if (options.kl !== undefined) checkOptions(`${name}: kl`, options.kl, kKlNames);
  if (options.entropy !== undefined) checkOptions(`${name}: entropy`, options.entropy, kEntropyNames);
  const correction = checkCorrection(name, options);
  const checked = checkAggregate(name, options.aggregate ?? aggregate);
  const settings = { surrogate, correction, ...checkPenalties(name, options) };
  const reads: TokenInput[] = [
    "mask",
    "advantages",
    ...aggregateReads(checked),
    ...correctionReads(correction),
  ];
  if (isToSampled && !reads.includes("sampledLogprobs")) reads.push("sampledLogprobs");
  if (settings.klCoefficient !== 0) reads.push("refLogprobs");
  if (settings.entropyCoefficient !== 0 && !reads.includes("entropies")) reads.push("entropies");
  const isCorrecting = Object.keys(options).some((key) => Object.hasOwn(correctionNames, key));
  return {
    name,
    reads,
    evaluate(tokens) {
      checkTokenNumbers(name, tokens, reads);
      const all = { ...settings, aggregate: toNativeAggregate(name, checked, tokens) };
      const { loss, sums, dLogprobs, dEntropies } = native().policyLoss(tokens, all);
      const present = {
        klRef: tokens.refLogprobs !== undefined,
        entropy: tokens.entropies !== undefined,
        correction: isCorrecting,
      };
      return { loss, metrics: toMetrics(sums, present), dLogprobs, dEntropies };
    },
  };
}

// --- internal ---

const kKlNames: OptionNames<NonNullable<SurrogateLossOptions["kl"]>> = {
  kind: ["type", "estimator", "kl_loss_type"],
  coefficient: ["beta", "coef", "kl_coef", "kl_loss_coef", "weight"],
};
const kEntropyNames: OptionNames<NonNullable<SurrogateLossOptions["entropy"]>> = {
  coefficient: ["coef", "entropy_coef", "entropy_coeff", "weight"],
};

function checkPenalties(name: string, { kl, entropy }: SurrogateLossOptions) {
  return {
    klKind: checkOneOf(name, "kl.kind", kl === undefined ? "k3" : kl.kind, ["k1", "k2", "k3"]),
    klCoefficient: checkNumber(name, "kl.coefficient", kl === undefined ? 0 : kl.coefficient),
    entropyCoefficient: checkNumber(
      name,
      "entropy.coefficient",
      entropy === undefined ? 0 : entropy.coefficient,
    ),
  };
}

function toMetrics(
  sums: NativeLossSums,
  present: { readonly klRef: boolean; readonly entropy: boolean; readonly correction: boolean },
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
    ...(present.correction
      ? { correctionMean: sums.coefficient / tokens, correctionDropped: sums.dropped / tokens }
      : {}),
  };
}
