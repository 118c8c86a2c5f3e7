// The learning rate by what is trained and by the model's width, and its course over a run's updates.
import { argumentError, checkInteger, checkNumber, checkOneOf } from "../base/check.js";
import type { OptionNames } from "../base/options.js";
import type { Metrics } from "../types/metrics.js";
import type { RunPlace } from "./algorithm.js";

export interface LearningRateOptions {
  /** Highest rate. Default: by what is trained and the model's width, `defaultLearningRate`. */
  readonly lr?: number;
  /** Updates over which the rate rises linearly from 0. Default 0. */
  readonly warmup?: number;
  /**
   * "cosine" falls to 0 over `totalUpdates`, or over the batches of `trainer.fit` when they are a list. Default: "cosine" where one of the two is
   * known, else "constant".
   */
  readonly schedule?: "constant" | "cosine";
  /** Length of the run in updates: its steps times the updates of each. Steps in which nothing could be learned count. */
  readonly totalUpdates?: number;
}

/** Beside each name, that of torch, transformers and TRL. */
export const learningRateNames: OptionNames<LearningRateOptions> = {
  lr: ["learning_rate", "learningRate", "rate"],
  warmup: ["warmup_steps", "num_warmup_steps", "warmup_updates"],
  schedule: ["lr_scheduler_type", "scheduler", "lr_schedule"],
  totalUpdates: ["max_steps", "num_training_steps", "total_steps"],
};

/** Where an update stands. */
export interface UpdatePlace {
  /** Updates before it, those of steps in which nothing could be learned included. */
  readonly taken: number;
  /** Of the run that it belongs to, in updates, where the trainer knows its length. */
  readonly run: { readonly taken: number; readonly total: number } | undefined;
}

/** The rate of an update and the course that it is part of. */
export interface ScheduledRate {
  readonly lr: number;
  readonly highest: number;
  /** Updates over which it falls to 0; 0 when it stays. */
  readonly fallsOver: number;
}

/** An adapter, or all of the model's weights. */
export type Trained = "adapter" | "all";

/**
 * An adapter: 5e-5 (2000 / hidden)^1.5, at most 1e-3. All weights: 3e-6 (2000 / hidden)^2, at most 2e-4.
 * The caps are measured (`npm run bench -- --only sweep`; hidden 128 and 256, two tasks, three seeds, rates falling to 0): four times as much
 * learns on every task and seed, eight times as much collapses on one of them. Towards 2,000 and wider they meet what the field uses for
 * reinforcement learning (adapters 2e-5 to 1e-4, all weights 1e-6 to 5e-6 at hidden 1,500 to 4,000). A fit, not a law.
 */
export function defaultLearningRate(hidden: number, trained: Trained): number {
  const { most, at2000, exponent } = kDefaults[trained];
  return Math.min(most, at2000 * (2000 / hidden) ** exponent);
}

/** @returns the rate of an update. @throws E_ARGUMENT, the result also when the rate must fall and nobody says over how many updates */
export function createLearningRate(
  who: string,
  options: LearningRateOptions,
): (place: UpdatePlace, hidden: number, trained: Trained) => ScheduledRate {
  const warmup = checkInteger(who, "warmup", options.warmup ?? 0, { min: 0 });
  if (options.lr !== undefined) checkNumber(who, "lr", options.lr, { min: 0 });
  const { schedule, totalUpdates } = options;
  if (schedule !== undefined) checkOneOf(who, "schedule", schedule, ["constant", "cosine"]);
  if (totalUpdates !== undefined) checkInteger(who, "totalUpdates", totalUpdates, { min: 1 });
  return (place, hidden, trained) => {
    const highest = options.lr ?? defaultLearningRate(hidden, trained);
    const own = { taken: place.taken, total: totalUpdates ?? 0 };
    const { taken, total } =
      schedule === "constant" ? { ...own, total: 0 } : totalUpdates === undefined ? (place.run ?? own) : own;
    if (schedule === "cosine" && total === 0) throw unknownLength(who);
    return { lr: highest * shareAt(taken, warmup, total), highest, fallsOver: total };
  };
}

/** Of update `update` of a step that has `updates`. */
export function toUpdatePlace(
  taken: number,
  run: RunPlace | undefined,
  update: number,
  updates: number,
): UpdatePlace {
  const inRun = run && { taken: run.step * updates + update, total: run.steps * updates };
  return { taken: taken + update, run: inRun };
}

export function rateMetrics({ lr, highest, fallsOver }: ScheduledRate): Metrics {
  return { "update/lr": lr, "update/lr_highest": highest, "update/lr_updates": fallsOver };
}

/** `lr 9.6e-4 of 1e-3, cosine over 40 updates`; nothing for a step of an algorithm without a rate. */
export function describeRate(metrics: Readonly<Record<string, number>>): string[] {
  const { "update/lr": lr, "update/lr_highest": highest, "update/lr_updates": fallsOver } = metrics;
  if (lr === undefined || highest === undefined || fallsOver === undefined) return [];
  const short = (rate: number) => Number(rate.toPrecision(3)).toExponential();
  const of = lr === highest ? "" : ` of ${short(highest)}`;
  return [`lr ${short(lr)}${of}, ${fallsOver === 0 ? "constant" : `cosine over ${fallsOver} updates`}`];
}

// --- internal ---

const kDefaults = {
  adapter: { most: 1e-3, at2000: 5e-5, exponent: 1.5 },
  all: { most: 2e-4, at2000: 3e-6, exponent: 2 },
} as const;

function shareAt(taken: number, warmup: number, fallsOver: number): number {
  if (taken < warmup) return (taken + 1) / warmup;
  if (fallsOver === 0) return 1;
  const progress = Math.min(1, (taken - warmup) / Math.max(1, fallsOver - warmup));
  return (1 + Math.cos(Math.PI * progress)) / 2;
}

function unknownLength(who: string) {
  return argumentError(
    who,
    'the length of a run whose schedule is "cosine": trainer.fit over a list, or totalUpdates',
    "steps without an end",
    'pass totalUpdates (steps times updates of each), or schedule: "constant"',
  );
}
