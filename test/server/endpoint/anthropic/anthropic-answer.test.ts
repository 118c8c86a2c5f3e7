import { describe, expect, it } from "vitest";
import type { AnswerChoice } from "../../../../src/server/endpoint/answer.js";
import {
  createMessageFrames,
  messageBody,
} from "../../../../src/server/endpoint/anthropic/anthropic-answer.js";
import { parseAnthropicRequest } from "../../../../src/server/endpoint/anthropic/anthropic-request.js";
import type { Piece } from "../../../../src/server/endpoint/dialect.js";
import { createItemMemory } from "../../../../src/server/endpoint/item-memory.js";
import { scripted, tokenizer } from "../scripted-policy.js";
import { wireRequest } from "../wire-request.js";

const kCalls = ['{"a":1}', "{}"].map((args, i) => {
  return { id: `c${i}`, type: "function" as const, function: { name: "add", arguments: args } };
});

function choice(more: Partial<AnswerChoice>): AnswerChoice {
  const sampled = { tokens: Int32Array.of(1, 2, 3) } as AnswerChoice["sampled"];
  return {
    ...{
      index: 0,
      thought: null,
      content: null,
      written: null,
      toolCalls: [],
      malformedCalls: 0,
      finishReason: "stop",
      stopString: null,
      sampled,
    },
    ...more,
  };
}

function resultOf(answer: AnswerChoice) {
  const memory = createItemMemory();
  const body = { model: "m", messages: [{ role: "user", content: "hi" }] };
  const request = parseAnthropicRequest(wireRequest("/v1/messages", body), memory);
  const head = { request, id: "msg_1", created: 1, startTime: 1, promptIds: Int32Array.of(1, 2), tokenizer };
  return { memory, result: { ...head, choices: [answer] } };
}

describe("an answer as Anthropic's message", () => {
  it.each<[Partial<AnswerChoice>, string, string | null]>([
    [{ content: "a" }, "end_turn", null],
    [{ content: "a", stopString: "x" }, "stop_sequence", "x"],
    [{ content: "a", finishReason: "length" }, "max_tokens", null],
    [{ toolCalls: kCalls, finishReason: "tool_calls" }, "tool_use", null],
  ])("says why it ended: %j", (more, stop_reason, stop_sequence) => {
    const { memory, result } = resultOf(choice(more));
    expect(messageBody(result, memory)).toMatchObject({ id: "msg_1", stop_reason, stop_sequence });
  });

  it("has a block for its thought, its text and each call, whole and in events, with a signature by which clients send thoughts back", () => {
    const { memory, result } = resultOf(choice({ thought: "hm", content: "so", toolCalls: kCalls }));
    const blocks = [
      { type: "thinking", thinking: "hm", signature: "agentlightning" },
      { type: "text", text: "so" },
      { type: "tool_use", id: "c0", name: "add", input: { a: 1 } },
      { type: "tool_use", id: "c1", name: "add", input: {} },
    ];
    expect(messageBody(result, memory)).toMatchObject({
      content: blocks,
      usage: { input_tokens: 2, output_tokens: 3, cache_read_input_tokens: 0 },
    });
    const call = (index: number, isFirst: boolean, text: string): Piece => {
      return { kind: "call", choice: 0, index, isFirst, id: `c${index}`, name: "add", text };
    };
    const pieces: Piece[] = [
      { kind: "thought", choice: 0, text: "h" },
      { kind: "thought", choice: 0, text: "m" },
      { kind: "text", choice: 0, text: "so" },
      ...[call(0, true, ""), call(0, false, '{"a"'), call(0, false, ":1}"), call(1, true, "{}")],
      { kind: "end", choice: 0, answer: result.choices[0] ?? choice({}) },
    ];
    const frames = createMessageFrames(result, memory);
    const texts = [...frames.open(), ...pieces.flatMap(frames.piece), ...frames.close(result)];
    const events = texts.map((frame) => JSON.parse(frame.split("\ndata: ")[1] ?? ""));
    expect(
      events.map(({ type, index, delta }) => [type, index, delta?.type].filter((x) => x !== undefined)),
    ).toEqual([
      ["message_start"],
      ...[
        ["content_block_start", 0],
        ["content_block_delta", 0, "thinking_delta"],
        ["content_block_delta", 0, "thinking_delta"],
      ],
      ...[
        ["content_block_delta", 0, "signature_delta"],
        ["content_block_stop", 0],
      ],
      ...[
        ["content_block_start", 1],
        ["content_block_delta", 1, "text_delta"],
        ["content_block_stop", 1],
      ],
      ...[
        ["content_block_start", 2],
        ["content_block_delta", 2, "input_json_delta"],
        ["content_block_delta", 2, "input_json_delta"],
      ],
      ...[
        ["content_block_stop", 2],
        ["content_block_start", 3],
        ["content_block_delta", 3, "input_json_delta"],
      ],
      ...[["content_block_stop", 3], ["message_delta"], ["message_stop"]],
    ]);
    expect(
      texts.every((frame) =>
        frame.startsWith(`event: ${JSON.parse(frame.split("\ndata: ")[1] ?? "").type}\n`),
      ),
    ).toBe(true);
    expect(events.at(-2)).toMatchObject({ usage: { input_tokens: 2, output_tokens: 3 } });
  });
});

describe("Anthropic's endpoint", () => {
  const body = { model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };

  it("counts the tokens of a prompt without a call, also of one that ends with an answer", async () => {
    const policy = scripted(["a"]);
    const count = async (more: object) =>
      await policy.post({ ...body, ...more }, "/v1/messages/count_tokens");
    const counted = await count({});
    expect([policy.calls, policy.asked]).toEqual([[], []]);
    const { json } = await policy.post(body, "/v1/messages");
    expect(counted).toEqual({ status: 200, json: { input_tokens: json.usage.input_tokens } });
    const longer = await count({ messages: [...body.messages, { role: "assistant", content: "a" }] });
    expect(longer.json.input_tokens).toBeGreaterThan(counted.json.input_tokens);
    expect((await count({ messages: [] })).json).toMatchObject({ type: "error" });
  });

  it("says of a prompt that is too long what clients look for", async () => {
    const { json, status } = await scripted(["a"], 8).post(body, "/v1/messages");
    expect([status, json.error.details]).toEqual([400, { error_code: "context_length_exceeded" }]);
    expect(json.error.message).toMatch(/^prompt is too long: /);
  });
});

describe("a thread, which the server is asked to hold", () => {
  const ask = (policy: ReturnType<typeof scripted>, content: string, thread: object, more = {}) =>
    policy.post(
      { model: "m", max_tokens: 9, messages: [{ role: "user", content }], thread, ...more },
      "/v1/messages",
    );

  it("is continued by what is new, with its instructions and tools, and its ids are spliced", async () => {
    const policy = scripted(["one", "two", "three"], 1024);
    const lead = { system: "Be brief.", tools: [{ name: "add", input_schema: { type: "object" } }] };
    const first = await ask(policy, "a", { type: "create" }, lead);
    const second = await ask(policy, "b", { type: "continue", previous_message_id: first.json.id });
    const third = await ask(policy, "c", { type: "continue", previous_message_id: second.json.id });
    expect(third.json.content).toEqual([{ type: "text", text: "three" }]);
    expect(policy.calls.map(({ prompt }) => prompt.prefix)).toEqual(["start", "extends", "extends"]);
    const last = policy.calls[2]?.request;
    expect(last?.messages.map(({ content }) => content)).toEqual(["Be brief.", "a", "one", "b", "two", "c"]);
    expect(last?.tools).toHaveLength(1);
  });

  it("is continued from a streamed answer as well", async () => {
    const policy = scripted(["one", "two"], 1024);
    const body = {
      model: "m",
      messages: [{ role: "user", content: "a" }],
      thread: { type: "create" },
      stream: true,
    };
    const text = await (await policy.send(body, "/v1/messages")).text();
    const id = /"id":"(msg_\w+)"/.exec(text)?.[1];
    expect((await ask(policy, "b", { type: "continue", previous_message_id: id })).status).toBe(200);
    expect(policy.calls[1]?.prompt.prefix).toBe("extends");
  });

  it("is not continued from an answer that is not held: the client is told to send it whole", async () => {
    const policy = scripted(["one", "two"]);
    const { json } = await policy.post(
      { model: "m", messages: [{ role: "user", content: "a" }] },
      "/v1/messages",
    );
    for (const previous_message_id of [json.id, "msg_0", undefined]) {
      const refused = await ask(policy, "b", { type: "continue", previous_message_id });
      expect(refused).toMatchObject({
        status: 400,
        json: { error: { details: { error_code: "thread_not_found" } } },
      });
    }
  });
});
