import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { describeRollout, ownFrames } from "../../../src/trainer/reports/describe-rollout.js";
import type { Attributes, Span } from "../../../src/types/span.js";
import type { RolloutResult } from "../../../src/types/task-group.js";

const src = new URL("../../../src/index.ts", import.meta.url);
const result = {
  ...{ rolloutId: "r", attemptId: "a", task: 0, sample: 0, outcome: "ok", error: null, reward: 1 },
  ...{ trajectories: [], modelCalls: 1, refusedCalls: 0, unseenCalls: 0, traceUploads: 0, seconds: 1.5 },
} as unknown as RolloutResult;

let made = 0;
function span(id: string, parent: string | null, name: string, attributes: Attributes = {}): Span {
  made += 1;
  return {
    ...{ name, spanId: id, parentId: parent, traceId: "t", status: { code: "OK", description: null } },
    ...{ attributes, events: [], startTime: made, endTime: made + 1 },
    ...{ rolloutId: "r", attemptId: "a", sequenceId: made },
  };
}

const call = {
  "gen_ai.prompt.0.role": "user",
  "gen_ai.prompt.0.content": "what is 1 plus 2 ?",
  "gen_ai.usage.input_tokens": 7,
  "agentlightning.prefix": "none",
  "gen_ai.completion.0.content": "3",
  "gen_ai.response.finish_reason": "stop",
  "gen_ai.usage.output_tokens": 2,
};

describe("a rollout as text", () => {
  it("is a tree in which what happened within an operation hangs below it", () => {
    const spans = [
      span("1", null, "plan", { effort: 2 }),
      span("2", "1", "openai.chat.completion", call),
      span("3", "2", "inner"),
      span("4", "1", "note", { text: "done" }),
      span("5", null, "agentlightning.annotation"),
    ];
    expect(describeRollout(result, spans)).toBe(
      [
        "rollout r: 1 model calls in 1.50 s",
        '├─ plan {"effort":2}',
        "│  ├─ call (7 tokens, none): user: what is 1 plus 2 ?",
        "│  │  │  -> 3 [stop, 2 tokens]",
        "│  │  └─ inner",
        '│  └─ note {"text":"done"}',
        "├─ agentlightning.annotation",
        "└─ ok; reward 1; 0 training rows",
      ].join("\n"),
    );
  });

  it.each([
    ["nothing was recorded", []],
    ["one span has an unknown parent", [span("6", "lost", "left")]],
    ["spans are each other's parents", [span("7", "8", "a"), span("8", "7", "b")]],
  ])("ends with its outcome when %s, each span in one line", (_, spans) => {
    const lines = describeRollout(result, spans).split("\n");
    expect(lines.at(-1)).toMatch(/^└─ ok/);
    for (const { name } of spans) expect(lines.filter((line) => line.endsWith(`─ ${name}`))).toHaveLength(1);
  });

  it("shows the last message of a prompt, calls of tools, events, the error and what earned nothing", () => {
    const asked = {
      ...call,
      "gen_ai.prompt.1.role": "tool",
      "gen_ai.prompt.1.content": "4",
      "gen_ai.completion.0.content": "",
      "gen_ai.completion.0.tool_calls.0.name": "add",
      "gen_ai.completion.0.tool_calls.0.arguments": '{"a":1}',
      "gen_ai.completion.0.tool_calls.1.name": "end",
      "gen_ai.completion.0.tool_calls.1.arguments": "{}",
    };
    const events = [{ name: "retry", attributes: { after: 2 }, timestamp: 1 }];
    const failed = { ...result, outcome: "error", error: "Error: broke", reward: null, seconds: 0.004 };
    const spans = [{ ...span("11", null, "openai.chat.completion", asked), events }] as unknown as Span[];
    expect(describeRollout(failed as never, spans)).toBe(
      [
        "rollout r: 1 model calls in 0.00 s",
        "├─ call (7 tokens, none): tool: 4",
        '│     -> add({"a":1}) end({}) [stop, 2 tokens]',
        '│     retry {"after":2}',
        "└─ error (Error: broke); reward none; 0 training rows",
      ].join("\n"),
    );
  });

  it("shows an exception's stack as lines, without frames of the package and of Node", () => {
    const stack = [
      "TypeError: no tool\nof that name",
      "    at pick (/home/me/agent.js:3:9)",
      `    at run (${fileURLToPath(new URL("runner/run-rollout.js", src))}:10:1)`,
      `    at async ${new URL("tracing/operation.js", src).href}:5:2`,
      "    at Array.map (<anonymous>)",
      "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
      "    at async answer (file:///home/me/agent.js:9:2)",
    ].join("\n");
    expect(ownFrames(stack).split("\n")).toEqual([
      "TypeError: no tool",
      "of that name",
      "    at pick (/home/me/agent.js:3:9)",
      "    at async answer (file:///home/me/agent.js:9:2)",
    ]);
    const text = describeRollout(result, [
      span("9", null, "agentlightning.exception", {
        "exception.type": "TypeError",
        "exception.stacktrace": stack,
      }),
    ]);
    expect(text).toContain(
      '├─ agentlightning.exception {"exception.type":"TypeError"}\n│     TypeError: no tool\n',
    );
    expect(text).not.toContain("run-rollout");
  });
});
