// How long model calls of a batch are, how many a rollout has, and what its agents and tools did.
import { toRolloutView } from "../../adapter/rollout-view.js";
import type { Metrics } from "../../types/metrics.js";
import type { ToolCallView } from "../../types/rollout-view.js";
import type { RolloutResult } from "../../types/task-group.js";
import type { Transition } from "../../types/transition.js";
import type { FinishedRollout } from "./batch-rollout.js";

/** Of calls with token ids. */
export function lengthMetrics(results: readonly RolloutResult[]): Metrics {
  const calls_R = results.map(callsOf);
  const calls = calls_R.flat();
  const prompts = calls.map((call) => call.promptIds.length);
  const responses = calls.map((call) => call.responseIds.length);
  return {
    "calls/per_rollout": results.length === 0 ? 0 : calls.length / results.length,
    "calls/per_rollout_max": largest(calls_R.map(({ length }) => length)),
    "calls/prompt_tokens": mean(prompts),
    "calls/prompt_tokens_p90": ninth(prompts),
    "calls/prompt_tokens_max": largest(prompts),
    "calls/response_tokens": mean(responses),
    "calls/response_tokens_p90": ninth(responses),
    "calls/response_tokens_max": largest(responses),
    "calls/truncated": mean(calls.map((call) => (call.finishReason === "length" ? 1 : 0))),
  };
}

/** By the agents that made the calls; of a single one there is nothing to tell apart. */
export function agentMetrics(results: readonly RolloutResult[]): Metrics {
  const calls = results.flatMap(callsOf);
  const agents = [...new Set(calls.map(({ agent }) => agent))].toSorted();
  if (agents.length < 2) return {};
  const entries = agents.map((agent): Metrics => {
    const own = calls.filter((call) => call.agent === agent);
    return {
      [`agents/calls/${agent}`]: own.length / results.length,
      [`agents/tokens/${agent}`]: mean(own.map((call) => call.responseIds.length)),
      [`agents/truncated/${agent}`]: mean(own.map((call) => (call.finishReason === "length" ? 1 : 0))),
    };
  });
  return Object.assign({}, ...entries);
}

/** Of rollouts whose answers call no tool there is none. */
export function toolMetrics(rollouts: readonly FinishedRollout[]): Metrics {
  const made = rollouts.filter(({ spans }) => spans.some(({ attributes }) => kFirstTool in attributes));
  if (made.length === 0) return {};
  const calls = made.flatMap(({ result, spans }) =>
    toRolloutView(spans, result).calls.flatMap(({ toolCalls }) => toolCalls),
  );
  return {
    "tools/per_rollout": calls.length / rollouts.length,
    "tools/errors": mean(calls.map((call) => Number(hasFailed(call)))),
  };
}

/** What the policy, and not another engine, sampled. */
export function sampledTokens(results: readonly RolloutResult[]): number {
  const calls = results.flatMap(callsOf).filter(({ adapter }) => adapter !== null);
  return calls.reduce((sum, { responseIds }) => sum + responseIds.length, 0);
}

// --- internal ---

const kFirstTool = "gen_ai.completion.0.tool_calls.0.name";

/** It could not be made as it was written, or what came back says that it failed. */
function hasFailed({ problem, result }: ToolCallView): boolean {
  return problem !== null || result?.isError === true;
}

function callsOf({ trajectories }: RolloutResult): Transition[] {
  return trajectories.flatMap(({ transitions }) => transitions);
}

/** A tenth are as long or longer. */
function ninth(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(0.9 * sorted.length))] ?? 0;
}

/** Of any number of values: as arguments of one call they are too many from about 100,000 on. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
