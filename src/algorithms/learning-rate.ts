// The learning rate of a LoRA adapter by the model's width, and its course over the updates.
import { argumentError, checkInteger, checkNumber, checkOneOf } from "../base/check.js";

export interface LearningRateOptions {
  /** Highest rate. Default: `defaultLearningRate` of the model's hidden size. */
  readonly lr?: number;
  /** Updates over which the rate rises linearly from 0. Default 0. */
  readonly warmup?: number;
  /** "constant" (default), or "cosine" down to 0 over `totalUpdates`. */
  readonly schedule?: "constant" | "cosine";
  readonly totalUpdates?: number;
}

/**
 * 5e-5 (2000 / hidden)^1.5, at most 3e-3: between what the field uses for RL of LoRA adapters at hidden 1,500 to 4,000 (7e-5 to 2e-5) and the
 * rate at which the quickstart's model of hidden 128 learns (3e-3; 1e-2 collapses). A fit, not a law.
 */
export function defaultLearningRate(hidden: number): number {
  return Math.min(3e-3, 5e-5 * (2000 / hidden) ** 1.5);
}

/** @returns the rate of update `update` (from 0). @throws E_ARGUMENT */
export function createLearningRate(
  who: string,
  options: LearningRateOptions,
): (update: number, hidden: number) => number {
  const warmup = checkInteger(who, "warmup", options.warmup ?? 0, { min: 0 });
  if (options.lr !== undefined) checkNumber(who, "lr", options.lr, { min: 0 });
  const schedule = checkOneOf(who, "schedule", options.schedule ?? "constant", ["constant", "cosine"]);
  if (schedule === "cosine" && options.totalUpdates === undefined) {
    throw argumentError(who, 'totalUpdates beside schedule: "cosine"', undefined);
  }
  const total = checkInteger(who, "totalUpdates", options.totalUpdates ?? 0, { min: 0 });
  return (update, hidden) => {
    const highest = options.lr ?? defaultLearningRate(hidden);
    if (update < warmup) return (highest * (update + 1)) / warmup;
    if (schedule === "constant") return highest;
    const progress = Math.min(1, (update - warmup) / Math.max(1, total - warmup));
    return (highest * (1 + Math.cos(Math.PI * progress))) / 2;
  };
}
