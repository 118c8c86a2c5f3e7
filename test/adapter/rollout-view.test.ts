// Spans as judges, critiques and people read them.
import { describe, expect, it } from "vitest";
import { toRolloutView } from "../../src/adapter/rollout-view.js";
import { isToolError } from "../../src/adapter/tool-error.js";
import { toTransitions } from "../../src/adapter/transitions.js";
import type { Attributes, Span } from "../../src/types/span.js";
import { recorded, span, toSpans } from "./protocol.js";

const facts = {
  ...({ rolloutId: "ro-0", attemptId: "at-0", sample: 2 } as const),
  ...({ outcome: "ok", reward: 0.5, error: null } as const),
};

const parameters = JSON.stringify({
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
  required: ["city"],
  additionalProperties: false,
});
const tools = {
  "gen_ai.request.functions.0.name": "weather",
  "gen_ai.request.functions.0.parameters": parameters,
};

let next = 0;
const spanOf = (name: string, attributes: Attributes, more: Partial<Span> = {}): Span => {
  next += 1;
  return span({ sequenceId: next, spanId: `s${next}`, name, attributes, ...more });
};
/** A call that says `calls`, [name, arguments], with ids of its own; `before` are messages that it saw after the user's. */
const callOf = (
  calls: readonly (readonly [string, string])[],
  before: Attributes = {},
  more: Partial<Span> = {},
) =>
  spanOf(
    "openai.chat.completion",
    {
      ...{ ...tools, "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Oslo?", ...before },
      ...{ "gen_ai.completion.0.role": "assistant", "gen_ai.response.id": `r${next}` },
      ...Object.fromEntries(
        calls.flatMap(([name, args], m) => {
          const at = `gen_ai.completion.0.tool_calls.${m}`;
          return [
            [`${at}.id`, `c${next}-${m}`],
            [`${at}.name`, name],
            [`${at}.arguments`, args],
          ];
        }),
      ),
    },
    more,
  );
const viewOf = (spans: readonly Span[]) => toRolloutView(spans, facts);

describe("the view of a rollout", () => {
  it("has the calls of the attempt in order, with what they saw and said", () => {
    for (const { spans } of recorded.tracer) {
      const { calls } = viewOf(toSpans(spans));
      const transitions = toTransitions(toSpans(spans), { repairHierarchy: false });
      expect(calls.map(({ spanId, agent }) => [spanId, agent])).toEqual(
        transitions.map(({ spanId, agent }) => [spanId, agent]),
      );
      for (const { answer, messages } of calls)
        expect([answer.role, messages.length > 0]).toEqual(["assistant", true]);
    }
  });

  it("has every part that was emitted, by name, beside the final reward", () => {
    const two = {
      ...{ "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": 1 },
      ...{ "agentlightning.reward.1.name": "style", "agentlightning.reward.1.value": -0.5 },
    };
    const spans = [
      spanOf("agentlightning.annotation", two),
      spanOf("agentlightning.annotation", { reward: 3 }),
    ];
    const { emitted, reward, sample } = viewOf([...spans].reverse());
    expect(emitted.map(({ name, value }) => [name, value])).toEqual([
      ["primary", 1],
      ["style", -0.5],
      ["primary", 3],
    ]);
    expect([reward, sample]).toEqual([0.5, 2]);
  });

  it.each([
    ['{"city": "Oslo"}', null, true],
    ['{"days": 2, "city": "Oslo"}', null, true],
    ['{"city": "Oslo", "days": 0}', "invalid-arguments", true],
    ['{"city": 3}', "invalid-arguments", true],
    ['{"days": 2}', "invalid-arguments", true],
    ['{"city": "Oslo", "x": 1}', "invalid-arguments", true],
    ['{"city": "Oslo"', "invalid-arguments", true],
    ["", "invalid-arguments", true],
    ["[".repeat(5000) + "]".repeat(5000), "invalid-arguments", true],
  ])("holds the arguments %.40s against the tool's schema", (args, problem, isChecked) => {
    const [call] = viewOf([callOf([["weather", args]])]).calls;
    expect(call?.toolCalls).toEqual([
      { id: expect.any(String), name: "weather", arguments: args, problem, isChecked, result: null },
    ]);
  });

  it("knows tools that were not offered, and calls nothing wrong that it cannot know", () => {
    const unknown = viewOf([callOf([["search", "{}"]])]).calls[0];
    expect(unknown?.toolCalls[0]).toMatchObject({ problem: "unknown-tool", isChecked: false });
    const without = {
      ...callOf([["search", "{}"]]),
      attributes: { ...callOf([["search", "{}"]]).attributes },
    };
    for (const key of Object.keys(tools)) Reflect.deleteProperty(without.attributes, key);
    expect(viewOf([without]).calls[0]).toMatchObject({
      tools: null,
      toolCalls: [{ problem: null, isChecked: false }],
    });
    for (const schema of [undefined, '{"type": "object", "not": {}}', '{"$ref": "http://elsewhere"}']) {
      const one = callOf([
        ["weather", "{}"],
        ["weather", "{}"],
      ]);
      const attributes: Record<string, Attributes[string]> = { ...one.attributes };
      if (schema === undefined) delete attributes["gen_ai.request.functions.0.parameters"];
      else attributes["gen_ai.request.functions.0.parameters"] = schema;
      const problems = viewOf([{ ...one, attributes }]).calls[0]?.toolCalls;
      expect(problems?.map(({ problem, isChecked }) => [problem, isChecked])).toEqual([
        [null, false],
        [null, false],
      ]);
    }
  });

  it("gives each tool call the answer that a later call saw, by its id", () => {
    const first = callOf([
      ["weather", '{"city": "Oslo"}'],
      ["weather", '{"city": "Rome"}'],
    ]);
    const id = String(first.attributes["gen_ai.completion.0.tool_calls.1.id"]);
    const seen = {
      ...{
        "gen_ai.prompt.1.role": "tool",
        "gen_ai.prompt.1.tool_call_id": id,
        "gen_ai.prompt.1.content": "Error: no Rome",
      },
    };
    const [call] = viewOf([first, callOf([], seen)]).calls;
    expect(call?.toolCalls.map(({ result }) => result)).toEqual([
      null,
      { content: "Error: no Rome", isError: true },
    ]);
  });

  it("gives an operation's error to the call before it, of the agent that it lies in, once", () => {
    const failed = {
      status: { code: "ERROR", description: null },
      events: [{ name: "exception", attributes: { "exception.message": "boom" }, timestamp: null }],
    } as const;
    const [a, b] = [
      spanOf("agentlightning.operation", { "agent.name": "a" }),
      spanOf("agentlightning.operation", { "agent.name": "b" }),
    ];
    const early = spanOf("agentlightning.exception", { "exception.message": "before any call" });
    const ofA = callOf([], {}, { parentId: a.spanId });
    const ofB = callOf([], {}, { parentId: b.spanId });
    const inner = spanOf("agentlightning.operation", {}, { parentId: a.spanId, ...failed });
    const outer = spanOf("agentlightning.operation", {}, { parentId: a.spanId, ...failed });
    const caught = spanOf(
      "agentlightning.exception",
      { "exception.message": "caught" },
      { parentId: b.spanId },
    );
    const { calls } = viewOf([a, b, early, ofA, ofB, inner, outer, caught]);
    expect(calls.map(({ agent, exceptions }) => [agent, exceptions])).toEqual([
      ["a", ["boom"]],
      ["b", ["caught"]],
    ]);
  });

  it("of no spans is a view of no calls", () => {
    expect(viewOf([])).toMatchObject({ calls: [], emitted: [] });
  });
});

describe("a tool's answer", () => {
  it.each([
    "Error: no such city",
    "error",
    "[ERROR] disk",
    "<error>no</error>",
    "TypeError: x is not a function",
    "sqlite3.OperationalError: no such table",
    "An error occurred while running the tool. Please try again.",
    "Traceback (most recent call last):\n  File",
    '{"error": "no such table"}',
    '{"isError": true, "content": []}',
    '{"success": false}',
    '{"status": "error"}',
    ' {"exit_code": 1, "stdout": ""}',
  ])("%j says that the tool failed", (content) => expect(isToolError(content)).toBe(true));

  it.each([
    "",
    "Error rates fell by a third.",
    "errors are data",
    "The error: none",
    "42",
    "null",
    '{"error": null, "rows": []}',
    '{"error": ""}',
    '{"exitCode": 0, "ok": true, "success": true}',
    '{"rows": [{"error": 1}]}',
    '["error"]',
    '{"error": "cut',
  ])("%j does not", (content) => expect(isToolError(content)).toBe(false));
});
