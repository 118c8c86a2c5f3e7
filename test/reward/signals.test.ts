// Automatic intermediate rewarding: which signals are seen, whose call they are of, and what they are worth.
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { toRolloutView } from "../../src/adapter/rollout-view.js";
import { type SignalOptions, signals } from "../../src/reward/signals.js";
import { runRollout } from "../../src/runner/run-rollout.js";
import { toCallSpan } from "../../src/server/endpoint/call-span.js";
import { operation } from "../../src/tracing/operation.js";
import { emitSpan } from "../../src/tracing/span.js";
import type { CallView, RolloutView, ToolCallView } from "../../src/types/rollout-view.js";
import { scripted, tokenizer } from "../server/endpoint/scripted-policy.js";
import { call, view } from "./views.js";

const tool = (fields: Partial<ToolCallView> = {}): ToolCallView => ({
  ...{ id: "c", name: "add", arguments: '{"a": 1}', problem: null, isChecked: true },
  ...{ result: { content: "2", isError: false }, ...fields },
});
const none = { toolError: 0, invalidArguments: 0, unknownTool: 0, malformedCall: 0, truncated: 0 };
const journal = { remember: () => Promise.reject(new Error("not asked")) };
const score = (rollout: RolloutView, options: SignalOptions) => {
  const given = signals(options).score(
    { task: 0, rollouts: [rollout] },
    { signal: AbortSignal.any([]), journal },
  );
  const [one] = given as Awaited<typeof given>;
  return { ...one, calls: one?.calls?.map((each) => each.score) };
};

describe("signals", () => {
  const failed = tool({ result: { content: "Error: no", isError: true } });
  it.each<[keyof SignalOptions, CallView, number]>([
    ["toolError", call({ toolCalls: [failed] }), 1],
    ["toolError", call({ toolCalls: [failed, tool(), tool(), tool()] }), 0.25],
    ["toolError", call({ toolCalls: [tool({ ...failed, problem: "unknown-tool" })] }), 0],
    ["toolError", call({ toolCalls: [tool({ result: null })] }), 0],
    ["invalidArguments", call({ toolCalls: [tool({ problem: "invalid-arguments" })] }), 1],
    [
      "invalidArguments",
      call({ toolCalls: [tool({ problem: "invalid-arguments" })], malformedCalls: 1 }),
      0.5,
    ],
    ["unknownTool", call({ toolCalls: [tool({ problem: "unknown-tool" }), tool()] }), 0.5],
    ["malformedCall", call({ malformedCalls: 7 }), 1],
    ["malformedCall", call({ toolCalls: [tool()], malformedCalls: 1 }), 0.5],
    ["exception", call({ exceptions: ["a", "b"] }), 1],
    ["truncated", call({ finishReason: "length" }), 1],
    ["truncated", call({ finishReason: null }), 0],
    ["toolOk", call({ toolCalls: [tool(), failed] }), 0.5],
    ["toolOk", call({ toolCalls: [tool({ result: null })] }), 0],
    ["repeatedCall", call({ toolCalls: [tool(), tool({ arguments: '{ "a":1 }' })] }), 0.5],
  ])("%s of an answer is a share of its calls", (name, one, share) => {
    expect(score(view(one), { ...none, [name]: -2 }).calls?.[0]).toBeCloseTo(-2 * share, 12);
    expect(score(view(one), { ...none, [name]: 0 }).calls?.[0]).toBeCloseTo(0, 12);
  });

  it("repeats are of one agent, whatever the order of names, and also of what is no JSON", () => {
    const ask = (args: string, agent = "*") => call({ agent, toolCalls: [tool({ arguments: args })] });
    const calls = [
      ask('{"a":1,"b":2}'),
      ask('{"b": 2, "a": 1}'),
      ask('{"a":1}'),
      ask('{"a":1', "x"),
      ask('{"a":1', "x"),
      ask('{"a":1}', "x"),
    ];
    expect(score(view(...calls), { ...none, repeatedCall: 1 }).calls).toEqual([0, 1, 0, 0, 1, 0]);
  });

  it("stay with their calls, say why, and give the rollout itself no score", () => {
    const rollout = view(call(), call({ malformedCalls: 1, finishReason: "length" }));
    const { score: whole, calls, feedback } = score(rollout, {});
    expect([whole, calls?.[0]]).toEqual([null, 0]);
    expect(calls?.[1]).toBeCloseTo(-0.2, 12);
    expect(feedback).toBe("call 2: malformedCall; call 2: truncated");
    expect(score(view(call()), {})).not.toHaveProperty("feedback");
  });

  it("refuse a worth that is none and names that nobody reads", () => {
    for (const options of [{ toolError: Number.NaN }, { toolError: "1" }, { tool_error: 1 }] as never[])
      expect(() => signals(options)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});

describe("a live rollout", () => {
  const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
  const parameters = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] };
  const tools = [{ type: "function" as const, function: { name: "add", parameters } }];

  /** Asks until an answer has no call; a tool answers 1, but throws at 13. */
  async function agent(): Promise<number> {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hi" }];
    for (;;) {
      const { choices } = await client.chat.completions.create({ model: "m", messages, tools });
      const said = choices[0]!.message;
      messages.push(said);
      if (said.content === "done") return 1;
      for (const made of said.tool_calls ?? []) {
        if (made.type !== "function") continue;
        const run = () => {
          if (made.function.arguments.includes("13")) throw new Error("unlucky");
          return "1";
        };
        let content: string;
        try {
          content = operation(made.function.name, run);
        } catch (error) {
          content = String(error);
        }
        messages.push({ role: "tool", tool_call_id: made.id, content });
      }
      if (!said.tool_calls) messages.push({ role: "user", content: "go on" });
    }
  }

  it("is told by spans what each of its calls did wrong", async () => {
    const write = (name: string, args: string) =>
      `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
    const policy = scripted(
      [
        write("add", '{"a": 1}'),
        write("add", '{"a": "one"}'),
        write("subtract", '{"a": 1}'),
        '<tool_call>\n{"name": "add", "arguments": {"a": \n</tool_call>',
        write("add", '{"a": 13}'),
        { cut: "well, " },
        write("add", '{"a": 1}'),
        "done",
      ],
      4096,
    );
    const { spans, ended, error } = await runRollout({
      ...{
        agent,
        input: 0,
        rolloutId: "r",
        attemptId: "a",
        mode: "train",
        resources: {} as never,
        timeoutMs: null,
      },
      signal: new AbortController().signal,
      route: () => "serve",
      async handle({ body, url }) {
        const response = await policy.send(new TextDecoder().decode(body), new URL(url).pathname);
        emitSpan(toCallSpan(policy.calls.at(-1)!, tokenizer));
        return response;
      },
    });
    expect([ended, error]).toEqual(["returned", undefined]);
    const recorded = spans.map((one, i) => ({ ...one, rolloutId: "r", attemptId: "a", sequenceId: i + 1 }));
    const facts = {
      rolloutId: "r",
      attemptId: "a",
      sample: 0,
      outcome: "ok",
      reward: 1,
      error: null,
    } as const;
    const rollout = toRolloutView(recorded, facts);
    expect(score(rollout, { toolOk: 0.1, exception: -0.01, repeatedCall: -0.03 })).toMatchObject({
      feedback:
        "call 1: toolOk; call 2: invalidArguments; call 3: unknownTool; call 4: malformedCall; " +
        "call 5: toolError; call 5: exception; call 6: truncated; call 7: repeatedCall; call 7: toolOk",
    });
    expect(rollout.calls.map(({ responseTokens }) => (responseTokens ?? 0) > 0)).toEqual(Array(8).fill(true));
  });
});
