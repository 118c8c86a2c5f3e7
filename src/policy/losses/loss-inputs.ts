// Sequences as a caller writes them, laid end to end as a loss reads them: everything but the current log-probabilities. Runs
// before the forward pass, so that a wrong argument costs nothing.
import { argumentError } from "../../base/check.js";
import { checkSpelling, type OptionNames } from "../../base/options.js";
import { toDenseIds, toFloat64Array } from "../engine/number-arrays.js";
import type { LossFunction, PolicyLoss, TokenInput, TokenNumbers } from "./policy-loss.js";

/** A sequence of an update. Arrays have one number for each of tokens[1..]; every sequence carries a field, or none does. */
export interface LossSequence {
  /** At least two ids to train on; one alone has nothing to predict. */
  readonly tokens: ArrayLike<number>;
  /** 1 exactly on tokens that count, else 0; absent: all count. */
  readonly mask?: ArrayLike<number>;
  /** Absent: the mask. */
  readonly weights?: ArrayLike<number>;
  /** One number stands for all tokens. */
  readonly advantages?: ArrayLike<number> | number;
  readonly oldLogprobs?: ArrayLike<number>;
  readonly sampledLogprobs?: ArrayLike<number>;
  readonly refLogprobs?: ArrayLike<number>;
  /**
   * Log-probabilities now, where they are known: sampled or scored under the weights that are trained, with the same arithmetic and temperature.
   * A loss that reads no entropies then takes one forward pass instead of two, and every pass is checked against them. Needed where the mask is 1; where it is 0, a number that is not 0 is checked as well.
   */
  readonly logprobs?: ArrayLike<number>;
  /** Which rollout it comes from, for `aggregate: { by: "rollout" }`. */
  readonly rollout?: number | string;
  /** Which group (the rollouts of one task), for `aggregate: { by: "group" }`. */
  readonly group?: number | string;
}

/** TokenNumbers before the forward pass. */
export type LossInputs = Omit<TokenNumbers, "logprobs" | "entropies">;

/** @returns the loss, a bare function wrapped: it may read entropies. @throws E_ARGUMENT when it is neither */
export function toPolicyLoss(who: string, loss: PolicyLoss | LossFunction): PolicyLoss {
  if (typeof loss === "function") return { name: loss.name || "loss", reads: ["entropies"], evaluate: loss };
  const given: Partial<PolicyLoss> | null | undefined = loss;
  if (typeof given?.evaluate === "function" && Array.isArray(given.reads)) return loss;
  throw argumentError(who, "loss to be a function or to have name, reads and evaluate", loss);
}

/**
 * @returns the inputs of the loss, S sequences and T numbers
 * @throws E_ARGUMENT naming sequence, field and position: a length that is not tokens.length - 1, a mask that is not 0 or 1, a
 *     number that counts and is not finite, a field that only some sequences carry, or one that the loss reads and none carries
 */
export function toLossInputs(who: string, loss: PolicyLoss, sequences: readonly LossSequence[]): LossInputs {
  const offsets = new Int32Array(sequences.length + 1);
  for (const [s, sequence] of sequences.entries()) {
    // More fields are allowed: a trajectory of a rollout is a sequence as it is.
    checkSpelling(`${who}: sequences[${s}]`, sequence, kNames);
    const { tokens } = sequence;
    if (!(tokens?.length >= 1))
      throw argumentError(who, `sequences[${s}].tokens to hold at least one id`, tokens);
    offsets[s + 1] = Number(offsets[s]) + tokens.length - 1;
  }
  const explicitMask = lay(who, sequences, offsets, "mask");
  const mask = explicitMask ?? new Float64Array(Number(offsets[sequences.length])).fill(1);
  if (explicitMask) checkMask(who, offsets, mask);
  const weights = lay(who, sequences, offsets, "weights", mask);
  const rollouts = layIds(who, sequences, "rollout");
  const groups = layIds(who, sequences, "group");
  const inputs = {
    offsets,
    mask,
    weights: weights ?? mask,
    advantages: lay(who, sequences, offsets, "advantages", mask),
    oldLogprobs: lay(who, sequences, offsets, "oldLogprobs", mask),
    sampledLogprobs: lay(who, sequences, offsets, "sampledLogprobs", mask),
    refLogprobs: lay(who, sequences, offsets, "refLogprobs", mask),
    rollouts,
    groups,
  };
  const carried = { ...inputs, mask: explicitMask, weights: weights ?? explicitMask, entropies: mask };
  for (const input of loss.reads) {
    if (carried[input] === undefined && sequences.length > 0)
      throw argumentError(who, `sequences to carry ${fieldOf(input)}, which ${loss.name} reads`, undefined);
  }
  return inputs;
}

/** @returns (T) log-probabilities that the forward pass must give, NaN where the mask is 0 and they say nothing; undefined when no sequence carries them. @throws E_ARGUMENT as toLossInputs */
export function toKnownLogprobs(
  who: string,
  sequences: readonly LossSequence[],
  { offsets, mask }: LossInputs,
): Float64Array | undefined {
  const known = lay(who, sequences, offsets, "logprobs", mask);
  const isSaid = (value: number) => value !== 0 && Number.isFinite(value);
  return known?.map((value, i) => (mask[i] === 0 && !isSaid(value) ? Number.NaN : value));
}

/** `sequence 2, token 5`: the place of one of the T numbers; token counts from 0 in the sequence's `tokens`. */
export function placeOf(offsets: Int32Array, index: number): string {
  let s = 0;
  while (s + 2 < offsets.length && Number(offsets[s + 1]) <= index) s++;
  return `sequence ${s}, token ${index - Number(offsets[s]) + 1}`;
}

// --- internal ---

// Beside each name, that of TRL, verl and tinker.
const kNames: OptionNames<LossSequence> = {
  tokens: ["input_ids", "token_ids", "ids"],
  mask: ["loss_mask", "response_mask", "completion_mask"],
  weights: ["weight", "loss_weights"],
  advantages: ["advantage"],
  oldLogprobs: ["old_log_probs", "old_per_token_logps"],
  sampledLogprobs: ["sampling_logprobs", "rollout_log_probs"],
  refLogprobs: ["ref_log_prob", "ref_log_probs", "reference_logprobs", "ref_per_token_logps"],
  logprobs: ["log_probs"],
  rollout: [],
  group: [],
};

type ArrayField =
  | "mask"
  | "weights"
  | "advantages"
  | "oldLogprobs"
  | "sampledLogprobs"
  | "refLogprobs"
  | "logprobs";

function lay(
  who: string,
  sequences: readonly LossSequence[],
  offsets: Int32Array,
  field: ArrayField,
  mask?: Float64Array,
): Float64Array | undefined {
  if (!allOrNone(who, sequences, field)) return undefined;
  const out = new Float64Array(Number(offsets[sequences.length]));
  for (const [s, sequence] of sequences.entries()) {
    const [begin, end] = [Number(offsets[s]), Number(offsets[s + 1])];
    const given = sequence[field];
    if (typeof given === "number" && field === "advantages") {
      out.fill(given, begin, end);
      continue;
    }
    if (given === undefined || typeof given === "number")
      throw argumentError(who, `sequences[${s}].${field} to be an array of numbers`, given);
    const values = toFloat64Array(who, `sequences[${s}].${field}`, given);
    if (values.length !== end - begin)
      throw argumentError(
        who,
        `sequences[${s}].${field} to have ${end - begin} numbers, one for each of tokens[1..]`,
        values.length,
      );
    out.set(values, begin);
  }
  if (mask) checkFinite(who, offsets, field, out, mask);
  return out;
}

function layIds(
  who: string,
  sequences: readonly LossSequence[],
  field: "rollout" | "group",
): Int32Array | undefined {
  if (!allOrNone(who, sequences, field)) return undefined;
  const ids = sequences.map((sequence) => sequence[field] ?? "");
  return toDenseIds(who, `sequences[].${field}`, ids).ids;
}

function allOrNone(who: string, sequences: readonly LossSequence[], field: keyof LossSequence): boolean {
  const missing = sequences.findIndex((sequence) => sequence[field] === undefined);
  if (missing < 0) return sequences.length > 0;
  const present = sequences.findIndex((sequence) => sequence[field] !== undefined);
  if (present < 0) return false;
  throw argumentError(who, `sequences[${missing}].${field}, as sequences[${present}] has it`, undefined);
}

function checkFinite(
  who: string,
  offsets: Int32Array,
  field: ArrayField,
  values: Float64Array,
  mask: Float64Array,
): void {
  const i = values.findIndex((value, index) => mask[index] !== 0 && !Number.isFinite(value));
  if (i >= 0)
    throw argumentError(who, `${field} to be finite where it counts (${placeOf(offsets, i)})`, values[i]);
}

function checkMask(who: string, offsets: Int32Array, mask: Float64Array): void {
  const i = mask.findIndex((value) => value !== 0 && value !== 1);
  if (i >= 0) throw argumentError(who, `mask to be 0 or 1 (${placeOf(offsets, i)})`, mask[i]);
}

function fieldOf(input: TokenInput): string {
  if (input === "weights") return "weights or mask";
  if (input === "rollouts") return "rollout";
  return input === "groups" ? "group" : input;
}
