// policy.forwardBackward (Law 3): the loss is evaluated on the whole update, its derivatives go backward micro-batch by micro-batch. Where an
// engine has one micro-batch, that gives the loss its numbers on the way. Several take a forward pass without gradients first, unless the numbers
// are known (sampled or scored under the weights that are trained) or the derivatives need none (a linear loss): then one pass each is all, checked.
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { checkOptions } from "../base/options.js";
import type { NativeScores } from "./engine/binding.js";
import { fromNative } from "./engine/native-error.js";
import { evaluateLoss } from "./losses/evaluate-loss.js";
import { type LossSequence, toKnownLogprobs, toLossInputs, toPolicyLoss } from "./losses/loss-inputs.js";
import type { LossFunction, LossResult, PolicyLoss, TokenNumbers } from "./losses/policy-loss.js";
import {
  createScores,
  divideBatch,
  forEachMicroBatch,
  forward,
  gather,
  type MicroBatch,
  place,
  splitBySequence,
} from "./micro-batches.js";
import type { ForwardBackwardResult, ScoreOptions } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { scoreNames } from "./score.js";
import { checkTemperature } from "./temperature.js";
import { type FlatSequences, flattenSequences } from "./token-ids.js";

/** @throws as Policy.forwardBackward */
export async function forwardBackward(
  parts: PolicyParts,
  sequences: readonly LossSequence[],
  loss: PolicyLoss | LossFunction,
  options: ScoreOptions = {},
): Promise<ForwardBackwardResult> {
  const { states, lanes } = parts;
  states.checkOpen(kWho);
  checkOptions(kWho, options, scoreNames, kElsewhere);
  if (!Array.isArray(sequences) || sequences.length === 0)
    throw argumentError(kWho, "an array of at least one sequence", sequences);
  const policyLoss = toPolicyLoss(kWho, loss);
  const limits = { vocabulary: parts.config.vocabulary, contextLength: parts.contextLength };
  const ids = sequences.map((sequence: Partial<LossSequence> | null) => sequence?.tokens);
  const batch = flattenSequences(kWho, ids, limits, (s) => `sequences[${s}].tokens`);
  const inputs = toLossInputs(kWho, policyLoss, sequences);
  const known = toKnownLogprobs(kWho, sequences, inputs);
  const temperature = checkTemperature(kWho, options.temperature) || 1;
  return states.alone(kWho, async (stop) => {
    const { handle: adapter } = parts.adapters.trained(kWho, options.adapter);
    const compute: Update["compute"] = (micro, keep) => {
      stop.throwIfAborted();
      return forward(kWho, micro, { adapter, temperature, keep });
    };
    const backward: Update["backward"] = (micro, { dLogprobs, dEntropies }) => {
      const [dl, de] = [gather(dLogprobs, batch, micro), gather(dEntropies, batch, micro)];
      return fromNative(kWho, () => micro.lane.backward(dl, de));
    };
    const evaluate: Update["evaluate"] = (numbers) => evaluateFloat32(policyLoss, { ...inputs, ...numbers });
    const microBatches = divideBatch(lanes, batch);
    const update = { sequences, batch, microBatches, compute, backward, evaluate };
    const { result, now } = await run(update, policyLoss, known);
    return { loss: result.loss, metrics: result.metrics, logprobs: splitBySequence(now.logprobs, batch) };
  });
}

// --- internal ---

const kWho = "policy.forwardBackward";
const kElsewhere = {
  lr: "the step has the rate, as in policy.optimStep({ lr })",
  learning_rate: "the step has the rate, as in policy.optimStep({ lr })",
  aggregate: "the loss has it, as in losses.ppoClip({ aggregate })",
};

type Evaluated = Required<LossResult>;

interface Update {
  readonly sequences: readonly LossSequence[];
  readonly batch: FlatSequences;
  readonly microBatches: readonly MicroBatch[];
  compute(micro: MicroBatch, keep: boolean): Promise<NativeScores>;
  backward(micro: MicroBatch, derivatives: Evaluated): Promise<void>;
  evaluate(numbers: Pick<TokenNumbers, "logprobs" | "entropies">): Evaluated;
}

interface Outcome {
  readonly result: Evaluated;
  readonly now: NativeScores;
}

function run(update: Update, loss: PolicyLoss, known: Float64Array | undefined): Promise<Outcome> {
  const lanes = new Set(update.microBatches.map(({ lane }) => lane));
  if (lanes.size === update.microBatches.length) return oneRound(update, known);
  if (known !== undefined && !loss.reads.includes("entropies")) return onePass(update, loss, known, known);
  return loss.isLinear ? onePass(update, loss, zerosOf(update), known) : twoPasses(update, known);
}

async function oneRound(update: Update, known?: Float64Array): Promise<Outcome> {
  const now = await computeAll(update, true, known);
  const result = update.evaluate(toNumbers(now));
  await forEachMicroBatch(update.microBatches, (micro) => update.backward(micro, result));
  return { result, now };
}

async function twoPasses(update: Update, known?: Float64Array): Promise<Outcome> {
  const now = await computeAll(update, false, known);
  const result = update.evaluate(toNumbers(now));
  await forEachMicroBatch(update.microBatches, async (micro) => {
    checkExpected(update, micro, await update.compute(micro, true), now.logprobs);
    await update.backward(micro, result);
  });
  return { result, now };
}

async function computeAll(update: Update, keep: boolean, known?: Float64Array): Promise<NativeScores> {
  const now = createScores(update.batch);
  await forEachMicroBatch(update.microBatches, async (micro) => {
    const scores = await update.compute(micro, keep);
    checkExpected(update, micro, scores, known);
    place(scores, update.batch, micro, now);
  });
  return now;
}

// `ahead` stands for the log-probabilities until the passes have given them all: they give loss and metrics, and must give the same derivatives.
async function onePass(
  update: Update,
  loss: PolicyLoss,
  ahead: Float64Array,
  known?: Float64Array,
): Promise<Outcome> {
  const { batch, microBatches } = update;
  const now = createScores(batch);
  const derivatives = update.evaluate({ logprobs: ahead });
  await forEachMicroBatch(microBatches, async (micro) => {
    const scores = await update.compute(micro, true);
    checkExpected(update, micro, scores, known);
    checkFinite(scores.logprobs, gather(derivatives.dLogprobs, batch, micro));
    place(scores, batch, micro, now);
    await update.backward(micro, derivatives);
  });
  const result = update.evaluate(toNumbers(now));
  if (
    !sameNumbers(result.dLogprobs, derivatives.dLogprobs) ||
    !sameNumbers(result.dEntropies, derivatives.dEntropies)
  )
    throw argumentError(
      kWho,
      `${loss.name} to have ${loss.isLinear ? "derivatives that no number of the model changes, as it says" : "named entropies in reads"}`,
      "derivatives that differ once all is computed",
      kPartlyAdded,
    );
  return { result, now };
}

function toNumbers({ logprobs, entropies }: NativeScores): Parameters<Update["evaluate"]>[0] {
  return { logprobs: Float64Array.from(logprobs), entropies: Float64Array.from(entropies) };
}

function zerosOf({ batch }: Update): Float64Array {
  return new Float64Array(createScores(batch).logprobs.length);
}

// The backward pass is in float32, where a larger derivative would be infinite.
function evaluateFloat32(loss: PolicyLoss, numbers: TokenNumbers): Evaluated {
  const result = evaluateLoss(kWho, loss, numbers);
  for (const name of ["dLogprobs", "dEntropies"] as const) {
    const bad = result[name].find((value) => !Number.isFinite(Math.fround(value)));
    if (bad === undefined) continue;
    throw new LightningError(
      "E_NONFINITE",
      `${kWho}: expected ${name} within float32, got ${bad}; gradients are unchanged`,
    );
  }
  return result;
}

const kPartlyAdded = "gradients may be partly added, call zeroGradients";

// (T) numbers of the batch, NaN where nothing is expected.
function checkExpected(
  { batch, sequences }: Update,
  micro: MicroBatch,
  { logprobs }: NativeScores,
  expected_T?: Float32Array | Float64Array,
): void {
  if (expected_T === undefined) return;
  const expected = gather(expected_T, batch, micro);
  const i = expected.findIndex((value, index) => !Number.isNaN(value) && value !== logprobs[index]);
  if (i < 0) return;
  // Member m's numbers begin at its offset less one for each sequence before it.
  const m = micro.members.findLastIndex((_, member) => (micro.offsets[member] ?? 0) - member <= i);
  const s = micro.members[m] ?? 0;
  const rollout = sequences[s]?.rollout === undefined ? "" : ` (rollout ${sequences[s].rollout})`;
  const token = i - (micro.offsets[m] ?? 0) + m + 1;
  throw new LightningError(
    "E_EXACTNESS",
    `${kWho}: expected token ${token} of sequence ${s}${rollout} to have the log-probability that is known of it, ${expected[i]}, got ${logprobs[i]}; unless it was sampled or scored under other weights, this is a defect of the engine, please report it; ${kPartlyAdded}`,
  );
}

function checkFinite(now: Float32Array, dLogprobs: Float64Array): void {
  const i = now.findIndex((value, index) => !Number.isFinite(value) && dLogprobs[index] !== 0);
  if (i < 0) return;
  throw new LightningError(
    "E_NONFINITE",
    `${kWho}: expected finite logits, got a log-probability of ${now[i]}; the weights are damaged; ${kPartlyAdded}`,
  );
}

function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  return a.every((value, i) => Object.is(value, b[i]));
}
