import { describe, expect, it } from "vitest";
import type { FinishedRollout } from "../../../src/trainer/rollouts/batch-rollout.js";
import {
  agentMetrics,
  lengthMetrics,
  sampledTokens,
  toolMetrics,
} from "../../../src/trainer/rollouts/call-metrics.js";
import type { Attributes, Span } from "../../../src/types/span.js";
import type { RolloutResult } from "../../../src/types/task-group.js";
import type { Trajectory, Transition } from "../../../src/types/transition.js";

function call(responses: number, more: Partial<Transition> = {}): Transition {
  const ids = (count: number) => Array.from({ length: count }, () => 0);
  return {
    ...{ agent: "*", adapter: "policy", finishReason: "stop", promptIds: ids(2 * responses) },
    ...{ responseIds: ids(responses), ...more },
  } as Transition;
}

function rolloutOf(...calls: readonly Transition[]): RolloutResult {
  const trajectories = calls.map((one) => ({ transitions: [one] }) as unknown as Trajectory);
  return {
    rolloutId: "r",
    attemptId: "a",
    sample: 0,
    outcome: "ok",
    reward: 1,
    error: null,
    trajectories,
  } as unknown as RolloutResult;
}

describe("lengths of calls", () => {
  it("are told by mean, by what a tenth reaches, and by the longest", () => {
    const calls = [1, 2, 3, 4, 5, 6, 7, 8, 9, 30].map((length) => call(length));
    expect(lengthMetrics([rolloutOf(...calls.slice(0, 7)), rolloutOf(...calls.slice(7))])).toEqual({
      "calls/per_rollout": 5,
      "calls/per_rollout_max": 7,
      "calls/prompt_tokens": 15,
      "calls/prompt_tokens_p90": 60,
      "calls/prompt_tokens_max": 60,
      "calls/response_tokens": 7.5,
      "calls/response_tokens_p90": 30,
      "calls/response_tokens_max": 30,
      "calls/truncated": 0,
    });
  });

  it("do not depend on the order in which rollouts ended", () => {
    const [a, b] = [rolloutOf(call(9), call(1)), rolloutOf(call(4))];
    expect(lengthMetrics([a, b])).toEqual(lengthMetrics([b, a]));
    expect(lengthMetrics([a, b])["calls/response_tokens_p90"]).toBe(9);
  });

  it("are 0 where no call was made", () => {
    expect(new Set(Object.values(lengthMetrics([])))).toEqual(new Set([0]));
    expect(lengthMetrics([rolloutOf()])["calls/response_tokens_max"]).toBe(0);
  });

  it("count as sampled what the policy answered, not another engine", () => {
    expect(sampledTokens([rolloutOf(call(3), call(4, { adapter: null })), rolloutOf(call(2))])).toBe(5);
  });
});

describe("numbers by agent", () => {
  it("are of each agent where several make calls", () => {
    const planner = call(4, { agent: "planner" });
    const coder = call(2, { agent: "coder", finishReason: "length" });
    expect(agentMetrics([rolloutOf(planner, coder, coder), rolloutOf(planner)])).toEqual({
      "agents/calls/coder": 1,
      "agents/tokens/coder": 2,
      "agents/truncated/coder": 1,
      "agents/calls/planner": 1,
      "agents/tokens/planner": 4,
      "agents/truncated/planner": 0,
    });
  });

  it("are absent of a single one", () => {
    expect(agentMetrics([rolloutOf(call(4), call(2))])).toEqual({});
  });
});

describe("tool calls", () => {
  const answered = (name: string, args: string): Attributes => ({
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "go",
    "gen_ai.request.tools": "",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.tool_calls.0.id": `call-${name}`,
    "gen_ai.completion.0.tool_calls.0.name": name,
    "gen_ai.completion.0.tool_calls.0.arguments": args,
  });
  const told = (name: string, content: string): Attributes => ({
    ...{ "gen_ai.prompt.0.role": "tool", "gen_ai.prompt.0.tool_call_id": `call-${name}` },
    ...{ "gen_ai.prompt.0.content": content, "gen_ai.completion.0.content": "done" },
  });
  const spansOf = (...all: readonly Attributes[]) =>
    all.map(
      (attributes, i): Span => ({
        ...{ name: "openai.chat.completion", spanId: `${i}`, parentId: null, traceId: "t" },
        ...{ status: { code: "OK", description: null }, events: [], startTime: i, endTime: i + 1 },
        ...{ rolloutId: "r", attemptId: "a", sequenceId: i, attributes },
      }),
    );
  const finished = (...all: readonly Attributes[]) =>
    ({ result: rolloutOf(), spans: spansOf(...all) }) as unknown as FinishedRollout;

  it("are counted over all rollouts, and those that failed as a share of them", () => {
    const failed = finished(answered("open", "{}"), told("open", "Error: no such file"));
    const went = finished(answered("read", "{}"), told("read", "text"));
    expect(toolMetrics([failed, went, finished(told("none", "text")), finished()])).toEqual({
      "tools/per_rollout": 0.5,
      "tools/errors": 0.5,
    });
  });

  it("of rollouts without any say nothing", () => {
    expect(toolMetrics([finished(told("none", "text"))])).toEqual({});
  });
});
