// policy.gradients, zeroGradients and optimStep: what becomes of the gradients that forwardBackward adds up.
import { argumentError, checkNumber } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { NativeOptimStep } from "./engine/binding.js";
import { fromNative } from "./engine/native-error.js";
import type { OptimStepOptions, OptimStepResult } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";

/** What torch, transformers and TRL call them beside each name. */
export const stepNames: OptionNames<OptimStepOptions> = {
  adapter: ["model", "adapter_name"],
  lr: ["learning_rate", "learningRate"],
  betas: ["adam_betas"],
  eps: ["epsilon", "adam_epsilon"],
  weightDecay: ["weight_decay", "wd", "decay"],
  maxGradNorm: ["max_grad_norm", "grad_clip", "gradient_clipping", "clip_grad", "clip_grad_norm", "max_norm"],
};

/** What the optimizer, AdamW, is told by other names or not at all. */
export const stepElsewhere = {
  adam_beta1: "write betas: [0.9, 0.95]",
  adam_beta2: "write betas: [0.9, 0.95]",
  beta1: "write betas: [0.9, 0.95]",
  beta2: "write betas: [0.9, 0.95]",
  momentum: "the optimizer is AdamW, write betas: [0.9, 0.95]",
  optim: "the optimizer is AdamW, leave it out",
};

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
  const step = checkStep(who, options);
  return parts.states.alone(who, async () => {
    const { name, handle: adapter } = parts.adapters.trained(who, options.adapter);
    const result = await fromNative(who, () => parts.engine.optimStep({ adapter, ...step }));
    parts.adapters.setVersion(name, result.version);
    return result;
  });
}

/** @returns the step as the engine takes it, with the defaults. @throws E_ARGUMENT naming the option */
export function checkStep(who: string, options: OptimStepOptions): Omit<NativeOptimStep, "adapter"> {
  checkOptions(who, options, stepNames, stepElsewhere);
  const betas: unknown = options.betas ?? [0.9, 0.95];
  if (!Array.isArray(betas) || betas.length !== 2) throw argumentError(who, "betas to be two numbers", betas);
  const unit = { min: 0, max: 1 - 2 ** -24 };
  return {
    lr: checkNumber(who, "lr", options.lr, { min: 0 }),
    beta1: checkNumber(who, "betas[0]", betas[0], unit),
    beta2: checkNumber(who, "betas[1]", betas[1], unit),
    eps: checkNumber(who, "eps", options.eps ?? 1e-8, { min: 1e-30 }),
    weightDecay: checkNumber(who, "weightDecay", options.weightDecay ?? 0, { min: 0 }),
    maxGradNorm: checkMaxGradNorm(who, options.maxGradNorm ?? 1),
  };
}

// --- internal ---

function checkMaxGradNorm(who: string, value: unknown): number {
  return value === Number.POSITIVE_INFINITY
    ? value
    : checkNumber(who, "maxGradNorm", value, { min: Number.MIN_VALUE });
}
