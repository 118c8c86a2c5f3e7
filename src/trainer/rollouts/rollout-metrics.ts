// What a batch of rollouts says about itself: rewards with their confidence interval, outcomes, lengths. The loss is never the headline.
import type { Metrics } from "../../types/metrics.js";
import type { Attributes } from "../../types/span.js";
import type { RolloutOutcome, RolloutResult } from "../../types/task-group.js";
import type { Transition } from "../../types/transition.js";
import type { FinishedRollout } from "./batch-rollout.js";
import { agentMetrics, lengthMetrics, toolMetrics } from "./call-metrics.js";

/** Of a training step and of an evaluation alike. */
export function rolloutMetrics(rollouts: readonly FinishedRollout[]): Metrics {
  const results = rollouts.map(({ result }) => result);
  const count = (outcome: RolloutOutcome) => results.filter((result) => result.outcome === outcome).length;
  return {
    ...rewardMetrics(results),
    ...partMetrics(results),
    "rollouts/ok": count("ok"),
    "rollouts/error": count("error"),
    "rollouts/excluded": results.filter(({ reward }) => reward === null).length,
    "rollouts/in_doubt": count("in-doubt"),
    "rollouts/timeout": count("timeout"),
    "rollouts/cancelled": count("cancelled"),
    "rollouts/provider_error": count("provider-error"),
    "rollouts/no_call": count("no-call"),
    "rollouts/no_reward": count("no-reward"),
    "rollouts/bad_reward": count("bad-reward"),
    "rollouts/unscored": count("unscored"),
    ...lengthMetrics(results),
    "calls/refused": sum(results.map(({ refusedCalls }) => refusedCalls)),
    "calls/unseen": sum(results.map(({ unseenCalls }) => unseenCalls)),
    "calls/trace_uploads": sum(results.map(({ traceUploads }) => traceUploads)),
    "calls/ignored": spansWith(rollouts, (attributes) => attributes["agentlightning.ignored"] !== undefined),
    "calls/malformed": spansWith(
      rollouts,
      (attributes) => attributes["agentlightning.malformed_calls"] !== undefined,
    ),
    ...toolMetrics(rollouts),
    ...agentMetrics(results),
    ...constraintMetrics(rollouts),
    "rows/breaks": spansWith(rollouts, (attributes) => attributes["agentlightning.prefix"] === "break"),
    "rows/breaks/thought": spansWith(
      rollouts,
      (attributes) => attributes["agentlightning.break"] === "thought",
    ),
  };
}

/**
 * Mean of -log p over what the policy sampled. In training, where tokens are drawn from the very distribution that gives their log-probabilities,
 * its expectation is the mean entropy. Without sampled tokens there is none.
 */
export function entropyMetrics(results: readonly RolloutResult[]): Metrics {
  let total = 0;
  let tokens = 0;
  for (const { adapter, logprobs, forced = [] } of callsOf(results)) {
    if (adapter === null || logprobs === null) continue;
    total -= sum(logprobs) - sum(forced.map((index) => logprobs[index] ?? 0));
    tokens += logprobs.length - forced.length;
  }
  return tokens === 0 ? {} : { "calls/entropy": total / tokens };
}

// --- internal ---

function callsOf(results: readonly RolloutResult[]): Transition[] {
  return results.flatMap(({ trajectories }) => trajectories.flatMap(({ transitions }) => transitions));
}

/** Of each part, where the reward has more than the agent's. */
function partMetrics(results: readonly RolloutResult[]): Metrics {
  const names = [...new Set(results.flatMap(({ parts }) => Object.keys(parts)))].sort();
  if (names.every((name) => name === "agent")) return {};
  return Object.fromEntries(
    names.map((name) => [
      `reward/part/${name}`,
      mean(results.flatMap(({ parts }) => (parts[name] === undefined ? [] : [parts[name]]))),
    ]),
  );
}

function rewardMetrics(results: readonly RolloutResult[]): Metrics {
  const rewards = results.flatMap(({ reward }) => (reward === null ? [] : [reward]));
  if (rewards.length === 0) return { "reward/count": 0 };
  const sorted = rewards.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const average = mean(rewards);
  const error = standardError(results, average);
  return {
    "reward/mean": average,
    "reward/std": Math.sqrt(mean(rewards.map((reward) => (reward - average) ** 2))),
    ...(error === null ? {} : { "reward/ci95": 1.96 * error }),
    "reward/p10": at(0.1),
    "reward/p90": at(0.9),
    "reward/best": mean(bestOfTasks(results)),
    "reward/count": rewards.length,
  };
}

/** (P) of the tasks that have a rollout that could be used. */
function bestOfTasks(results: readonly RolloutResult[]): number[] {
  const best_P = new Map<number, number>();
  for (const { task, reward } of results)
    if (reward !== null) best_P.set(task, Math.max(reward, best_P.get(task) ?? Number.NEGATIVE_INFINITY));
  return [...best_P.values()];
}

/**
 * Of the mean over n rollouts of P tasks, whose rollouts move together (Liang and Zeger 1986, with the factor for few clusters):
 *   sqrt( P / (P - 1) sum_p (sum_g (r_pg - mean))^2 ) / n
 * One task says nothing about others: null.
 */
function standardError(results: readonly RolloutResult[], average: number): number | null {
  const deviations_P = new Map<number, number>();
  let count = 0;
  for (const { task, reward } of results) {
    if (reward === null) continue;
    deviations_P.set(task, (deviations_P.get(task) ?? 0) + reward - average);
    count += 1;
  }
  const tasks = deviations_P.size;
  if (tasks < 2) return null;
  const squares = sum([...deviations_P.values()].map((deviation) => deviation ** 2));
  return Math.sqrt((tasks / (tasks - 1)) * squares) / count;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

/** Of calls without a constraint there is none. */
function constraintMetrics(rollouts: readonly FinishedRollout[]): Metrics {
  let [total, choices] = [0, 0];
  for (const { attributes } of rollouts.flatMap(({ spans }) => spans)) {
    const count = attributes["agentlightning.constraint.choices"];
    const mass = attributes["agentlightning.constraint.mass"];
    if (typeof count !== "number" || typeof mass !== "number") continue;
    total += mass * count;
    choices += count;
  }
  return choices === 0 ? {} : { "constraint/mass": total / choices };
}

function spansWith(
  rollouts: readonly FinishedRollout[],
  isMeant: (attributes: Attributes) => boolean,
): number {
  return sum(rollouts.map(({ spans }) => spans.filter(({ attributes }) => isMeant(attributes)).length));
}
