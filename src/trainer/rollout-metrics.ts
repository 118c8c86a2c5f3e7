// What a batch of rollouts says about itself: rewards with their confidence interval, outcomes, lengths. The loss is never the headline.
import type { Span } from "../types/span.js";
import type { RolloutResult } from "../types/task-group.js";

/** @param prefix  "" for a training step, "eval/" for an evaluation */
export function rolloutMetrics(results: readonly RolloutResult[], prefix: string): Record<string, number> {
  const rewards = results.flatMap((result) => (result.reward === null ? [] : [result.reward]));
  const count = (outcome: RolloutResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  const calls = results.flatMap((result) =>
    result.trajectories.flatMap((trajectory) => trajectory.transitions),
  );
  const lengths = calls.map((call) => call.responseIds.length);
  const metrics: Record<string, number> = {
    ...rewardMetrics(rewards, prefix),
    [`${prefix}rollouts/ok`]: count("ok"),
    [`${prefix}rollouts/error`]: count("error"),
    [`${prefix}rollouts/timeout`]: count("timeout"),
    [`${prefix}rollouts/cancelled`]: count("cancelled"),
    [`${prefix}rollouts/provider_error`]: count("provider-error"),
    [`${prefix}rollouts/no_call`]: count("no-call"),
    [`${prefix}rollouts/no_reward`]: count("no-reward"),
    [`${prefix}rollouts/bad_reward`]: count("bad-reward"),
    [`${prefix}calls/per_rollout`]: results.length === 0 ? 0 : calls.length / results.length,
    [`${prefix}calls/prompt_tokens`]: mean(calls.map((call) => call.promptIds.length)),
    [`${prefix}calls/response_tokens`]: mean(lengths),
    [`${prefix}calls/truncated`]: mean(calls.map((call) => (call.finishReason === "length" ? 1 : 0))),
  };
  return metrics;
}

// --- internal ---

function rewardMetrics(rewards: readonly number[], prefix: string): Record<string, number> {
  const sorted = rewards.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const average = mean(rewards);
  const deviation = Math.sqrt(mean(rewards.map((reward) => (reward - average) ** 2)));
  return {
    [`${prefix}reward/mean`]: average,
    [`${prefix}reward/std`]: deviation,
    // Half-width of the normal 95 % interval of the mean.
    [`${prefix}reward/ci95`]: rewards.length === 0 ? 0 : (1.96 * deviation) / Math.sqrt(rewards.length),
    [`${prefix}reward/p10`]: at(0.1),
    [`${prefix}reward/p90`]: at(0.9),
    [`${prefix}reward/count`]: rewards.length,
  };
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Model calls whose prompt should have continued an earlier one and did not, since the template rewrites history. */
export function breaks(rollouts: readonly { readonly spans: readonly Span[] }[]): number {
  const broken = (span: Span) => span.attributes["agentlightning.prefix"] === "break";
  return rollouts.reduce((sum, rollout) => sum + rollout.spans.filter(broken).length, 0);
}
