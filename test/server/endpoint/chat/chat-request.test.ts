import { describe, expect, it } from "vitest";
import { parseChatRequest } from "../../../../src/server/endpoint/chat/chat-request.js";
import { RequestError } from "../../../../src/server/endpoint/request-error.js";

type Body = Record<string, unknown>;
const user = { role: "user", content: "hi" };
const parse = (body: Body) => parseChatRequest({ model: "m", messages: [user], ...body });
const withMessage = (message: Body) => parse({ messages: [user, message] });
const tool = (more: Body = {}, described: Body = {}) => ({
  tools: [{ type: "function", function: { name: "add", ...described }, ...more }],
});

function refusal(run: () => unknown): RequestError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return error as RequestError;
  }
  throw new Error("expected a refusal, got none");
}

describe("a chat completions request", () => {
  const served: [field: string, body: Body, part: object][] = [
    ["top_p: 0", { top_p: 0 }, { sampling: { topP: 0 } }],
    ["top_k", { top_k: 20 }, { sampling: { topK: 20 } }],
    ["top_k as vLLM turns it off", { top_k: -1 }, { sampling: { topK: 0 } }],
    ["min_p", { min_p: 0.05 }, { sampling: { minP: 0.05 } }],
    ["stop_token_ids", { stop_token_ids: [1, 2] }, { sampling: { stopTokenIds: [1, 2] } }],
    ["one stop string", { stop: "a" }, { sampling: { stop: ["a"] } }],
    [
      "max_completion_tokens over max_tokens",
      { max_tokens: 5, max_completion_tokens: 7 },
      { sampling: { maxTokens: 7 } },
    ],
    ["max_tokens alone", { max_tokens: 5, max_completion_tokens: null }, { sampling: { maxTokens: 5 } }],
    ["parallel_tool_calls", { ...tool(), parallel_tool_calls: false }, { parallelToolCalls: false }],
    ["chat_template_kwargs", { chat_template_kwargs: { a: [1] } }, { template: { a: [1] } }],
    ["a form of JSON", { response_format: { type: "json_object" } }, { output: { kind: "json" } }],
    [
      "a schema",
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "out", strict: true, schema: { type: "object" } },
        },
      },
      { output: { kind: "schema", name: "out", schema: { type: "object" } } },
    ],
    ["text as its form", { response_format: { type: "text" } }, { output: { kind: "text" } }],
    ["a call that must be made", { ...tool(), tool_choice: "required" }, { toolChoice: "required" }],
    [
      "a call of one tool that must be made",
      { ...tool(), tool_choice: { type: "function", function: { name: "add" } } },
      { toolChoice: { name: "add" } },
    ],
    ["ids of tokens", { return_token_ids: true }, { tokenIds: true }],
    ["logprobs", { logprobs: true, top_logprobs: 3 }, { logprobs: 3 }],
    ["no logprobs", { logprobs: false }, { logprobs: null }],
    [
      "usage of a stream",
      { stream: true, stream_options: { include_usage: true } },
      { stream: true, wire: { includeUsage: true } },
    ],
    ["tools that may not be called", { ...tool(), tool_choice: "none" }, { tools: [], toolChoice: "none" }],
    [
      "nulls everywhere",
      { top_p: null, tools: null, stop: null, audio: null, logit_bias: null, wild: null },
      { ignored: [] },
    ],
  ];
  it.each(served)("serves %s", (_, body, part) => {
    expect(parse(body)).toMatchObject(part);
  });

  it("hands everything on that reaches the template, in its order", () => {
    const described = {
      parameters: { type: "object" },
      description: "d",
      strict: true,
      name: "add",
      "x-order": [1],
    };
    const given = [{ function: described, type: "function" }];
    expect(JSON.stringify(parse({ tools: given }).tools)).toBe(JSON.stringify(given));
    const told = withMessage({
      role: "assistant",
      content: "a",
      name: "n",
      reasoning_content: "why",
      mood: "glad",
    });
    expect(told.messages[1]).toEqual({
      role: "assistant",
      content: "a",
      name: "n",
      reasoning: "why",
      mood: "glad",
    });
    expect(told.ignored).toEqual(["messages[].mood"]);
  });

  const harmless: [where: string, run: () => { readonly ignored: readonly string[] }][] = [
    [
      "of the host",
      () =>
        parse({
          user: "u",
          store: true,
          metadata: { a: "b" },
          service_tier: "flex",
          seed: 7,
          prompt_cache_key: "k",
        }),
    ],
    [
      "with the values that change nothing",
      () =>
        parse({
          n: 1,
          frequency_penalty: 0,
          presence_penalty: 0,
          logit_bias: {},
          response_format: { type: "text" },
          modalities: ["text"],
          reasoning_effort: "medium",
          best_of: 1,
          ignore_eos: false,
          functions: [],
          function_call: "none",
        }),
    ],
    [
      "of an answer that comes back",
      () =>
        withMessage({
          role: "assistant",
          content: "a",
          refusal: null,
          audio: null,
          annotations: [],
          parsed: null,
          function_call: null,
          id: "x",
          tool_calls: [],
        }),
    ],
    [
      "of a call that comes back",
      () =>
        withMessage({
          role: "assistant",
          content: null,
          tool_calls: [
            {
              id: "c",
              index: 0,
              type: "function",
              function: { name: "f", arguments: "{}", parsed_arguments: null },
            },
          ],
        }),
    ],
    [
      "of parts",
      () =>
        withMessage({
          role: "user",
          content: [{ type: "text", text: "a", cache_control: { type: "ephemeral" } }],
        }),
    ],
    ["of tools", () => parse(tool({ cache_control: {} }, { strict: null, cache_control: {} }))],
    ["of streams", () => parse({ stream: true, stream_options: { include_obfuscation: false } })],
  ];
  it("takes an empty name for none", () => {
    const { messages } = withMessage({ role: "user", content: "a", name: "" });
    expect(messages[1]).toEqual({ role: "user", content: "a" });
  });

  it.each(harmless)("takes harmless fields %s", (_, run) => {
    expect(run().ignored).toEqual([]);
  });

  it("does not tell the template of marks for caches", () => {
    const given = parse(tool({ cache_control: {} }, { cache_control: {} })).tools;
    expect(JSON.stringify(given)).not.toContain("cache_control");
  });

  const refused: [param: string, run: () => unknown, says: RegExp][] = [
    [
      "response_format.schema",
      () => parse({ response_format: { type: "json_object", schema: {} } }),
      /json_schema/,
    ],
    ["frequency_penalty", () => parse({ frequency_penalty: 0.1 }), /0\.1/],
    ["logit_bias", () => parse({ logit_bias: { 5: 1 } }), /logit_bias/],
    ["functions", () => parse({ functions: [{ name: "f" }] }), /use tools/],
    ["reasoning_effort", () => parse({ reasoning_effort: "low" }), /chat_template_kwargs/],
    ["enable_thinking", () => parse({ enable_thinking: false }), /chat_template_kwargs/],
    ["max_output_tokens", () => parse({ max_output_tokens: 5 }), /use max_tokens/],
    ["guided_json", () => parse({ guided_json: {} }), /guided_json/],
    ["repetition_penalty", () => parse({ repetition_penalty: 1.1 }), /1\.1/],
    ["ignore_eos", () => parse({ ignore_eos: true }), /true/],
    ["modalities", () => parse({ modalities: ["text", "audio"] }), /audio/],
    [
      "tool_choice",
      () => parse({ ...tool(), tool_choice: { type: "allowed_tools", allowed_tools: {} } }),
      /allowed_tools.*"required" or a function/,
    ],
    [
      "stream_options.continuous_usage_stats",
      () => parse({ stream: true, stream_options: { continuous_usage_stats: true } }),
      /true/,
    ],
    [
      "messages.1.content.1.type",
      () =>
        withMessage({
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "image_url", image_url: { url: "x" } },
          ],
        }),
      /image_url.*text parts/,
    ],
    [
      "messages.1.content.0.type",
      () => withMessage({ role: "user", content: [{ type: "input_audio" }] }),
      /input_audio/,
    ],
    ["messages.1.refusal", () => withMessage({ role: "assistant", content: "", refusal: "no" }), /"no"/],
    ["messages.1.audio", () => withMessage({ role: "assistant", content: "a", audio: { id: "x" } }), /audio/],
    ["messages.1.images", () => withMessage({ role: "user", content: "a", images: ["x"] }), /images/],
    ["messages.1.prefix", () => withMessage({ role: "assistant", content: "a", prefix: true }), /true/],
    [
      "messages.1.reasoning_details",
      () => withMessage({ role: "assistant", content: "a", reasoning_details: [{ text: "t" }] }),
      /text/,
    ],
    [
      "messages.1.reasoning_content",
      () => withMessage({ role: "user", content: "a", reasoning_content: "t" }),
      /"assistant"/,
    ],
    [
      "messages.1.tool_call_id",
      () => withMessage({ role: "user", content: "a", tool_call_id: "t" }),
      /"tool"/,
    ],
    [
      "messages.1.tool_calls",
      () =>
        withMessage({
          role: "user",
          content: "a",
          tool_calls: [{ function: { name: "f", arguments: "{}" } }],
        }),
      /"assistant"/,
    ],
    [
      "messages.1.function_call",
      () => withMessage({ role: "assistant", content: null, function_call: { name: "f" } }),
      /use tools/,
    ],
    ["tools.0.type", () => parse({ tools: [{ type: "web_search" }] }), /web_search.*function/],
    ["tools.0.input_schema", () => parse(tool({ input_schema: {} })), /function\.parameters/],
    [
      "chat_template_kwargs.add_generation_prompt",
      () => parse({ chat_template_kwargs: { add_generation_prompt: false } }),
      /add_generation_prompt/,
    ],
  ];
  it.each(refused)("refuses %s by name", (param, run, says) => {
    const error = refusal(run);
    expect(error).toMatchObject({ status: 400, field: param });
    expect(error.message.startsWith(`${param}: `)).toBe(true);
    expect(error.message).toMatch(says);
  });

  const slips: [param: string, meant: string, run: () => unknown][] = [
    ["temprature", "temperature", () => parse({ temprature: 0 })],
    ["maxTokens", "max_tokens", () => parse({ maxTokens: 5 })],
    ["max_token", "max_tokens", () => parse({ max_token: 5 })],
    ["topK", "top_k", () => parse({ topK: 5 })],
    ["chat_template_kwarg", "chat_template_kwargs", () => parse({ chat_template_kwarg: {} })],
    ["response_formats", "response_format", () => parse({ response_formats: {} })],
    ["metadta", "metadata", () => parse({ metadta: {} })],
    [
      "stream_options.include_usages",
      "include_usage",
      () => parse({ stream: true, stream_options: { include_usages: true } }),
    ],
    [
      "messages.1.tool_call",
      "tool_calls",
      () => withMessage({ role: "assistant", content: "a", tool_call: [] }),
    ],
    [
      "messages.1.reasoning_contents",
      "reasoning_content",
      () => withMessage({ role: "assistant", content: "a", reasoning_contents: "t" }),
    ],
    ["tools.0.function.paramaters", "parameters", () => parse(tool({}, { paramaters: {} }))],
  ];
  it.each(slips)("takes %s for a slip of %s", (param, meant, run) => {
    const error = refusal(run);
    expect(error).toMatchObject({ status: 400, field: param, code: "unknown_parameter" });
    expect(error.message).toContain(`did you mean ${meant}?`);
  });

  it("names every field that no table knows, once, and goes on", () => {
    const { ignored } = parse({
      ...{ wobble: 1, prompt_cache_ttl: "1h", __proto__: 1 },
      stream_options: { flavour: 1 },
      messages: [
        { ...user, mood: 1 },
        { role: "user", content: [{ type: "text", text: "a", zest: 1 }], mood: 2 },
      ],
    });
    expect(ignored).toEqual([
      "wobble",
      "prompt_cache_ttl",
      "stream_options.flavour",
      "messages[].mood",
      "messages[].content[].zest",
    ]);
  });

  it.each([
    ["top_logprobs", { top_logprobs: 2 }],
    ["top_p", { top_p: 1.1 }],
    ["top_k", { top_k: 1.5 }],
    ["min_p", { min_p: -1 }],
    ["stop_token_ids.0", { stop_token_ids: ["a"] }],
    ["parallel_tool_calls", { parallel_tool_calls: "no" }],
    ["chat_template_kwargs", { chat_template_kwargs: [1] }],
    ["messages.0.role", { messages: [{ role: "robot", content: "a" }] }],
    ["messages.0.content", { messages: [{ role: "user", content: 5 }] }],
  ])("says where a value is wrong: %s", (param, body) => {
    expect(refusal(() => parse(body))).toMatchObject({ status: 400, field: param });
  });
});
