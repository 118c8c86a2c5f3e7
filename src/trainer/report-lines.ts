// What progress says of a step and of an evaluation: a line each. A number that there is not is not made up.
import { describeRate } from "../algorithms/learning-rate.js";
import type { MetricName } from "../types/metrics.js";

type Numbers = Readonly<Record<string, number>>;

export function describeStep(metrics: Numbers): string {
  const value = numbersOf(metrics);
  const dead = value("groups/dead");
  return [
    `step ${value("step")}: ${describeReward(metrics)}`,
    ...(dead === undefined ? [] : [`dead groups ${dead.toFixed(2)}`]),
    ...describeRate(metrics),
    ...describeMishaps(metrics),
    `${seconds(value("time/step"))} (sampling ${fixed(value("time/sampling"))}, training ${fixed(value("time/training"))})`,
  ].join(", ");
}

/** @param metrics  without the evaluation's prefix */
export function describeEvaluation(steps: number, metrics: Numbers): string {
  const after = `evaluation after ${steps} ${steps === 1 ? "step" : "steps"}`;
  return [`${after}: ${describeReward(metrics)}`, ...describeMishaps(metrics)].join(", ");
}

// --- internal ---

function numbersOf(metrics: Numbers): (name: MetricName) => number | undefined {
  return (name) => metrics[name];
}

function describeReward(metrics: Numbers): string {
  const value = numbersOf(metrics);
  const interval = value("reward/ci95");
  return `reward ${fixed(value("reward/mean"), 3)}${interval === undefined ? "" : ` ± ${fixed(interval, 3)}`}`;
}

const kReasons: readonly (readonly [MetricName, string])[] = [
  ["rollouts/in_doubt", "in doubt"],
  ["rollouts/timeout", "timeout"],
  ["rollouts/cancelled", "cancelled"],
  ["rollouts/provider_error", "provider error"],
  ["rollouts/no_call", "no call"],
  ["rollouts/no_reward", "no reward"],
  ["rollouts/bad_reward", "bad reward"],
];

function describeMishaps(metrics: Numbers): string[] {
  const value = (name: MetricName) => metrics[name] ?? 0;
  const excluded = value("rollouts/excluded");
  const reasons = kReasons
    .filter(([name]) => value(name) > 0)
    .map(([name, word]) => `${value(name)} ${word}`);
  const why = reasons.length === 0 ? "" : ` (${reasons.join(", ")})`;
  const of = excluded + value("reward/count");
  return [
    ...(excluded > 0 ? [`${excluded} of ${of} rollouts excluded${why}`] : []),
    ...(value("calls/refused") > 0 ? [`${value("calls/refused")} calls refused`] : []),
    ...(value("calls/unseen") > 0 ? [`${value("calls/unseen")} calls unseen`] : []),
  ];
}

function fixed(value: number | undefined, digits = 1): string {
  return value === undefined ? "none" : value.toFixed(digits);
}

function seconds(value: number | undefined): string {
  return `${fixed(value)} s`;
}
