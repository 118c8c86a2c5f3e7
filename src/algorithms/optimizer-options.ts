// What an algorithm hands to policy.optimStep as it is: everything but which adapter, and the rate, which has a schedule.
import { checkOptions } from "../base/options.js";
import type { OptimStepOptions } from "../policy/policy.js";
import { checkStep, stepElsewhere, stepNames } from "../policy/train.js";

export type OptimizerOptions = Omit<OptimStepOptions, "adapter" | "lr">;

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
