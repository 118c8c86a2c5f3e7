// What an algorithm hands to policy.optimStep as it is: everything but which adapter, and the rate, which has a schedule.
import { checkOptions, type Elsewhere } from "../base/options.js";
import type { OptimStepOptions } from "../policy/policy.js";
import { checkStep, stepElsewhere, stepNames } from "../policy/train.js";

export type OptimizerOptions = Omit<OptimStepOptions, "adapter" | "lr">;

/** For the tables of algorithms: options of the optimizer that stand beside it. */
export const optimizerElsewhere: Elsewhere = Object.fromEntries(
  ["weight_decay", "max_grad_norm", "betas", "eps"].map((name) => [
    name,
    "give it inside optimizer, as in optimizer: { weightDecay: 0.01, maxGradNorm: 1 }",
  ]),
);

/** What the first step would refuse, before any rollout is paid for. @throws E_ARGUMENT */
export function checkOptimizer(algorithm: string, options: OptimizerOptions | undefined): void {
  if (options === undefined) return;
  const who = `${algorithm}: optimizer`;
  const { adapter: _adapter, lr, ...names } = stepNames;
  const beside = `give it beside optimizer, as in ${algorithm}({ lr })`;
  const outside = Object.fromEntries(["lr", ...lr].map((name) => [name, beside]));
  checkOptions<OptimizerOptions>(who, options, names, { ...stepElsewhere, ...outside });
  checkStep(who, { ...options, lr: 0 });
}
