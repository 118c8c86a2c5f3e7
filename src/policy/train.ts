// policy.forwardBackward, gradients, zeroGradients and optimStep. A forward pass gives the current numbers, the loss is evaluated once on
// the whole update, and its derivatives go backward micro-batch by micro-batch; nothing is added before the loss is known to be finite.
import { argumentError, checkNumber } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { evaluateLoss } from "./losses/evaluate-loss.js";
import { type LossSequence, toLossInputs, toPolicyLoss } from "./losses/loss-inputs.js";
import type { LossFunction, PolicyLoss } from "./losses/policy-loss.js";
import { divideBatch, forward, forwardAll, gather, splitBySequence } from "./micro-batches.js";
import { fromNative } from "./native-error.js";
import type { ForwardBackwardResult, OptimStepOptions, OptimStepResult, ScoreOptions } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";
import { checkTemperature } from "./temperature.js";
import { flattenSequences } from "./token-ids.js";

/** @throws as Policy.forwardBackward */
export async function forwardBackward(
  parts: PolicyParts,
  sequences: readonly LossSequence[],
  loss: PolicyLoss | LossFunction,
  options: ScoreOptions = {},
): Promise<ForwardBackwardResult> {
  const who = "policy.forwardBackward";
  const { engine, states } = parts;
  states.checkOpen(who);
  if (!Array.isArray(sequences) || sequences.length === 0)
    throw argumentError(who, "an array of at least one sequence", sequences);
  const policyLoss = toPolicyLoss(who, loss);
  const limits = { vocabulary: parts.config.vocabulary, contextLength: parts.contextLength };
  const ids = sequences.map((sequence: Partial<LossSequence> | null) => sequence?.tokens);
  const batch = flattenSequences(who, ids, limits, (s) => `sequences[${s}].tokens`);
  const inputs = toLossInputs(who, policyLoss, sequences);
  const temperature = checkTemperature(who, options.temperature) || 1;
  return states.alone(who, async (stop) => {
    const adapter = parts.adapters.trained(who, options.adapter).handle;
    const microBatches = divideBatch(engine, batch);
    const isSinglePass = microBatches.length === 1;
    const passOptions = { adapter, temperature, keep: isSinglePass };
    const now = await forwardAll(who, engine, batch, microBatches, passOptions, stop);
    const logprobs = Float64Array.from(now.logprobs);
    const entropies = Float64Array.from(now.entropies);
    const result = evaluateLoss(who, policyLoss, { ...inputs, logprobs, entropies });
    checkFloat32(who, "dLogprobs", result.dLogprobs);
    checkFloat32(who, "dEntropies", result.dEntropies);
    for (const micro of microBatches) {
      stop.throwIfAborted();
      if (!isSinglePass) {
        const again = await forward(who, engine, micro, { ...passOptions, keep: true });
        checkSameBits(who, again.logprobs, gather(now.logprobs, batch, micro));
      }
      const [dl, de] = [gather(result.dLogprobs, batch, micro), gather(result.dEntropies, batch, micro)];
      await fromNative(who, () => engine.backward(dl, de));
    }
    return { loss: result.loss, metrics: result.metrics, logprobs: splitBySequence(now.logprobs, batch) };
  });
}

/** @throws as Policy.gradients */
export async function gradients(parts: PolicyParts, adapter?: string): Promise<Map<string, Float32Array>> {
  const who = "policy.gradients";
  return parts.states.alone(who, async () => {
    const { handle, parameterNames } = parts.adapters.trained(who, adapter);
    const values = await fromNative(who, () => parts.engine.parameters(handle, "gradient"));
    return new Map(parameterNames.map((name, i) => [name, values[i] ?? new Float32Array(0)]));
  });
}

/** @throws as Policy.zeroGradients */
export async function zeroGradients(parts: PolicyParts, adapter?: string): Promise<void> {
  const who = "policy.zeroGradients";
  return parts.states.alone(who, async () => {
    const { handle } = parts.adapters.trained(who, adapter);
    await fromNative(who, () => parts.engine.zeroGradients(handle));
  });
}

/** @throws as Policy.optimStep */
export async function optimStep(parts: PolicyParts, options: OptimStepOptions): Promise<OptimStepResult> {
  const who = "policy.optimStep";
  parts.states.checkOpen(who);
  const given: Partial<OptimStepOptions> = options ?? {};
  const betas: unknown = given.betas ?? [0.9, 0.95];
  if (!Array.isArray(betas) || betas.length !== 2) throw argumentError(who, "betas to be two numbers", betas);
  const unit = { min: 0, max: 1 - 2 ** -24 };
  const step = {
    lr: checkNumber(who, "lr", given.lr, { min: 0 }),
    beta1: checkNumber(who, "betas[0]", betas[0], unit),
    beta2: checkNumber(who, "betas[1]", betas[1], unit),
    eps: checkNumber(who, "eps", given.eps ?? 1e-8, { min: 1e-30 }),
    weightDecay: checkNumber(who, "weightDecay", given.weightDecay ?? 0, { min: 0 }),
    maxGradNorm: checkMaxGradNorm(who, given.maxGradNorm ?? 1),
  };
  return parts.states.alone(who, async () => {
    const { name, handle: adapter } = parts.adapters.trained(who, given.adapter);
    const result = await fromNative(who, () => parts.engine.optimStep({ adapter, ...step }));
    parts.adapters.setVersion(name, result.version);
    return result;
  });
}

// --- internal ---

// The backward pass is in float32, where a larger derivative would be infinite.
function checkFloat32(who: string, name: string, derivative_T: Float64Array): void {
  const i = derivative_T.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (i < 0) return;
  throw new LightningError(
    "E_NONFINITE",
    `${who}: expected ${name} within float32, got ${derivative_T[i]}; gradients are unchanged`,
  );
}

function checkSameBits(who: string, again: Float32Array, first: Float32Array): void {
  const i = again.findIndex((value, index) => !Object.is(value, first[index]));
  if (i < 0) return;
  throw new LightningError(
    "E_EXACTNESS",
    `${who}: expected log-probability ${first[i]} of a first pass again in the second, got ${again[i]}; gradients may be partly added, call zeroGradients`,
  );
}

function checkMaxGradNorm(who: string, value: unknown): number {
  return value === Number.POSITIVE_INFINITY
    ? value
    : checkNumber(who, "maxGradNorm", value, { min: Number.MIN_VALUE });
}
