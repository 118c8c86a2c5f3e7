// What progress says of a step and of an evaluation: a line each. A number that there is not is not made up. Steps are counted from 1.
import type { RunPlace } from "../../algorithms/algorithm.js";
import { describeRate } from "../../algorithms/learning-rate.js";
import type { MetricName } from "../../types/metrics.js";

type Numbers = Readonly<Record<string, number>>;

/**
 * `step 5`, or `step 5 of 40` in a run whose end is known.
 * @param step  of the trainer, from 0
 */
export function nameStep(step: number, run: RunPlace | undefined): string {
  return `step ${step + 1}${run === undefined ? "" : ` of ${step + run.steps - run.step}`}`;
}

/** @param secondsLeft  of the run, where that is known */
export function describeStep(metrics: Numbers, run?: RunPlace, secondsLeft?: number): string {
  const value = numbersOf(metrics);
  return [
    `${nameStep(value("step") ?? Number.NaN, run)}: ${describeReward(metrics)}`,
    ...kLearning.flatMap(([name, word, show]) => {
      const number = value(name);
      return number === undefined ? [] : [`${word} ${show(number)}`];
    }),
    ...describeRate(metrics),
    ...describeMishaps(metrics),
    `${seconds(value("time/step"))} (sampling ${fixed(value("time/sampling"))}, training ${fixed(value("time/training"))})`,
    ...(secondsLeft === undefined || secondsLeft <= 0 ? [] : [`ETA ${describeDuration(secondsLeft)}`]),
  ].join(", ");
}

/** `evaluation eval/ after 5 steps`. */
export function nameEvaluation(prefix: string, steps: number): string {
  return `evaluation ${prefix} after ${steps} ${steps === 1 ? "step" : "steps"}`;
}

/** @param metrics  without the evaluation's prefix */
export function describeEvaluation(prefix: string, steps: number, metrics: Numbers): string {
  return [`${nameEvaluation(prefix, steps)}: ${describeReward(metrics)}`, ...describeMishaps(metrics)].join(
    ", ",
  );
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

const kLearning: readonly (readonly [MetricName, string, (value: number) => string])[] = [
  ["groups/dead", "dead groups", (value) => value.toFixed(2)],
  ["calls/entropy", "entropy", short],
  ["update/kl", "KL", short],
  ["update/grad_norm", "gradient norm", short],
];

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

/** `0.483`, `12.3`, `1.2e-7`. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function describeDuration(inSeconds: number): string {
  if (inSeconds < 59.5) return `${Math.ceil(inSeconds)} s`;
  const minutes = Math.round(inSeconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function fixed(value: number | undefined, digits = 1): string {
  return value === undefined ? "none" : value.toFixed(digits);
}

function seconds(value: number | undefined): string {
  return `${fixed(value)} s`;
}
