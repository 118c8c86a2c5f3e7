import { describe, expect, it } from "vitest";
import { dialectLaws, type Wire } from "../dialect-laws.js";
import { type Scripted, scripted } from "../scripted-policy.js";
import { client, readEvents } from "./responses-client.js";

dialectLaws(client);

const call = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const tools = [
  { type: "function", name: "add", parameters: { type: "object", properties: {} }, strict: false },
];
const post = async (policy: Scripted, body: Record<string, unknown>) =>
  (await policy.post({ model: "m", input: "hi", ...body }, "/v1/responses")).json;
const refused = async (body: Record<string, unknown>) => (await post(scripted(["a"]), body)).error;

describe("a response", () => {
  it("streams the events that SDKs need, each item from its beginning to its end", async () => {
    const sent = await scripted([`so ${call}`], 1024).send(
      { model: "m", input: "hi", tools, stream: true },
      "/v1/responses",
    );
    const types = readEvents(await sent.text()).map(({ type }) => type.replace("response.", ""));
    expect(types.filter((type, i) => type !== types[i - 1])).toEqual([
      ...["created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"],
      ...["output_text.done", "content_part.done", "output_item.done"],
      ...[
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
      ],
      "completed",
    ]);
  });

  it("ends as incomplete where it was cut, streamed or not", async () => {
    const body = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    expect(await post(scripted([{ cut: "a" }]), {})).toMatchObject(body);
    const sent = await scripted([{ cut: "a" }]).send(
      { model: "m", input: "hi", stream: true },
      "/v1/responses",
    );
    expect(readEvents(await sent.text()).at(-1)).toMatchObject({
      type: "response.incomplete",
      response: body,
    });
  });

  it("continues the response that it names, with ids spliced and without its instructions", async () => {
    const policy = scripted(["one", "two", "three"], 1024);
    const first = await post(policy, { instructions: "Be brief." });
    const second = await post(policy, {
      previous_response_id: first.id,
      input: "and",
      instructions: "Be brief.",
    });
    await post(policy, { previous_response_id: second.id, input: "so" });
    expect(policy.calls.map(({ prompt }) => prompt.prefix)).toEqual(["start", "extends", "start"]);
    expect(policy.calls[2]?.request.messages.map(({ content }) => content)).toEqual([
      "hi",
      "one",
      "and",
      "two",
      "so",
    ]);
    expect(await refused({ previous_response_id: "resp_1" })).toMatchObject({
      ...{ param: "previous_response_id", code: "previous_response_not_found" },
    });
  });

  it("knows the items that it handed out by their ids, and no others", async () => {
    const policy = scripted(["one", "two"], 1024);
    const first = await post(policy, {});
    const [{ id }] = first.output;
    const user = { role: "user", content: [{ type: "input_text", text: "hi" }] };
    await post(policy, { input: [user, { type: "item_reference", id }, { ...user, content: "and" }] });
    expect(policy.calls[1]?.prompt.prefix).toBe("extends");
    expect(await refused({ input: [user, { type: "item_reference", id: "msg_1" }] })).toMatchObject({
      param: "input.1.id",
    });
    expect(await refused({ input: [user, { id }] })).toMatchObject({ param: "input.1.id" });
  });

  it("is one message with the calls that follow it, and calls alone are one as well", async () => {
    const policy = scripted(["a"], 1024);
    const asked = (id: string) => ({ type: "function_call", call_id: id, name: "add", arguments: "{}" });
    const answered = (id: string) => ({
      type: "function_call_output",
      call_id: id,
      output: [{ type: "input_text", text: "3" }],
    });
    const said = {
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "so", annotations: [] }],
    };
    const why = { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "why" }] };
    const input = [
      { role: "user", content: "hi" },
      why,
      said,
      asked("1"),
      asked("2"),
      answered("1"),
      answered("2"),
      asked("3"),
      answered("3"),
      said,
      said,
    ];
    await post(policy, { input, tools });
    expect(policy.calls[0]?.request.messages).toMatchObject([
      { role: "user", content: "hi" },
      { role: "assistant", content: "so", reasoning: "why", tool_calls: [{ id: "1" }, { id: "2" }] },
      { role: "tool", tool_call_id: "1", content: "3" },
      { role: "tool", tool_call_id: "2", content: "3" },
      { role: "assistant", content: null, tool_calls: [{ id: "3" }] },
      { role: "tool", tool_call_id: "3", content: "3" },
      { role: "assistant", content: "so" },
      { role: "assistant", content: "so" },
    ]);
  });

  it("is given back and forgotten by its id, in its own rollout alone", async () => {
    const policy = scripted(["one"]);
    const first = await post(policy, {});
    const ask = async (method: string, more = "", from = policy): Promise<[number, Wire]> => {
      const response = await from.send("", `/v1/responses/${first.id}${more}`, { method });
      return [response.status, await response.json()];
    };
    expect(await ask("GET")).toEqual([200, first]);
    expect(await ask("GET", "/input_items")).toMatchObject([
      200,
      { data: [{ role: "user", content: "hi" }] },
    ]);
    expect(await ask("GET", "", scripted([]))).toMatchObject([404, { error: { code: "not_found" } }]);
    expect(await ask("POST", "/cancel")).toMatchObject([404, { error: { code: "unsupported_route" } }]);
    expect(await ask("DELETE")).toEqual([200, { id: first.id, object: "response", deleted: true }]);
    expect((await ask("GET"))[0]).toBe(404);
  });

  it("has log-probabilities and ids of tokens where they are asked for", async () => {
    const body = { include: ["message.output_text.logprobs"], top_logprobs: 2, return_token_ids: true };
    const policy = scripted(["hello"]);
    const { output, prompt_token_ids, token_ids } = await post(policy, body);
    const sampled = Array.from(policy.calls[0]?.choice.sampled.tokens ?? []);
    expect(output[0].content[0].logprobs).toHaveLength(sampled.length);
    expect(output[0].content[0].logprobs[1]).toMatchObject({
      logprob: -0.125,
      top_logprobs: [{}, { logprob: -1 }],
    });
    expect([prompt_token_ids, token_ids]).toEqual([Array.from(policy.calls[0]?.prompt.ids ?? []), sampled]);
    expect((await post(scripted(["hello"]), {})).output[0].content[0].logprobs).toEqual([]);
  });

  it("repeats what was asked of it", async () => {
    const asked = {
      instructions: "Be brief.",
      metadata: { a: "b" },
      temperature: 0.5,
      truncation: "auto",
      tools,
      text: { verbosity: "low" },
    };
    expect(await post(scripted(["a"], 1024), asked)).toMatchObject({
      ...asked,
      text: { format: { type: "text" }, verbosity: "low" },
    });
  });
});

describe("a Responses request", () => {
  const served: [field: string, body: Record<string, unknown>, part: object][] = [
    [
      "hints, marks and what a host would keep",
      {
        store: false,
        reasoning: { effort: "none", summary: "auto" },
        text: { verbosity: "low" },
        service_tier: "auto",
        prompt_cache_key: "k",
        include: ["reasoning.encrypted_content"],
        safety_identifier: "s",
        user: "u",
      },
      { ignored: [] },
    ],
    [
      "nulls everywhere",
      {
        tools: null,
        text: null,
        reasoning: null,
        tool_choice: null,
        metadata: null,
        include: null,
        temperature: null,
        conversation: null,
        background: false,
      },
      { ignored: [] },
    ],
    [
      "sampling",
      { temperature: 0, top_p: 0.5, top_k: -1, min_p: 0.1, max_output_tokens: 5 },
      { sampling: { temperature: 0, topP: 0.5, topK: 0, minP: 0.1, maxTokens: 5 } },
    ],
    ["tools that may not be called", { tools, tool_choice: "none" }, { tools: [], toolChoice: "none" }],
    [
      "some tools of many",
      {
        tools: [...tools, { ...tools[0], name: "sub" }],
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "sub" }] },
      },
      { tools: [{ function: { name: "sub" } }], toolChoice: "auto" },
    ],
    ["one call at a time", { tools, parallel_tool_calls: false }, { parallelToolCalls: false }],
    [
      "a role of instructions",
      {
        input: [
          { role: "developer", content: "Be brief." },
          { role: "user", content: "hi" },
        ],
      },
      { messages: [{ role: "developer" }, {}] },
    ],
  ];
  it.each(served)("serves %s", async (_, body, part) => {
    const policy = scripted(["a"], 1024);
    expect((await post(policy, body)).error).toBeNull();
    expect(policy.calls[0]?.request).toMatchObject(part);
  });

  const image = { type: "input_image", image_url: "x" };
  const refusals: [param: string, body: Record<string, unknown>, says: RegExp][] = [
    ["conversation", { conversation: "conv_1" }, /conv_1.*previous_response_id/],
    ["background", { background: true }, /true/],
    ["prompt", { prompt: { id: "p" } }, /instructions/],
    ["tools.0.type", { tools: [{ type: "web_search" }] }, /web_search.*function/],
    ["tools.0.function", { tools: [{ ...tools[0], function: {} }] }, /use name/],
    ["tool_choice", { tools, tool_choice: { type: "web_search" } }, /allowed_tools/],
    ["tool_choice", { tools, tool_choice: { type: "function", name: "mul" } }, /got "mul"/],
    [
      "tool_choice.tools",
      {
        tools,
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "b" }] },
      },
      /"b"/,
    ],
    [
      "text.format",
      { text: { format: { type: "json_schema", name: "n", schema: { not: {} } } } },
      /without "not"/,
    ],
    ["text.format", { text: { format: { type: "json_schema", name: "n" } } }, /schema/],
    ["text.format.json_schema", { text: { format: { type: "json_schema", json_schema: {} } } }, /use name/],
    ["response_format", { response_format: { type: "json_object" } }, /text\.format/],
    ["input.0.content.0.type", { input: [{ role: "user", content: [image] }] }, /input_image.*text parts/],
    [
      "input.0.content.1.type",
      { input: [{ role: "user", content: [{ type: "input_text", text: "a" }, { type: "input_audio" }] }] },
      /input_audio/,
    ],
    ["input.0.type", { input: [{ type: "computer_call" }] }, /computer_call.*function_call/],
    ["input", { input: [] }, /got none/],
    ["max_tokens", { max_tokens: 5 }, /max_output_tokens/],
  ];
  it.each(refusals)("refuses %s by name: %j", async (param, body, says) => {
    const error = await refused(body);
    expect(error).toMatchObject({ type: "invalid_request_error", param });
    expect(error.message.startsWith(param)).toBe(true);
    expect(error.message).toMatch(says);
  });
});
