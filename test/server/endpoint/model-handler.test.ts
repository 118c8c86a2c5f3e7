import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scripted, tokenizer } from "./scripted-policy.js";

const tools = [
  { type: "function", function: { name: "add", parameters: { type: "object", properties: {} } } },
];
const user = (content: string) => ({ role: "user", content });
const call = '<tool_call>\n{"name": "add", "arguments": {"a":1,  "b":2}}\n</tool_call>';

describe("the chat endpoint", () => {
  it("answers in OpenAI's shape, with usage and logprobs when asked", async () => {
    const { json, status } = await scripted(["hello"]).post({
      model: "m",
      messages: [user("hi")],
      logprobs: true,
    });
    const length = tokenizer.encode("hello").length + 1;
    expect(status).toBe(200);
    expect(json).toMatchObject({ object: "chat.completion", model: "m" });
    expect(json.choices[0].message).toEqual({ role: "assistant", content: "hello", refusal: null });
    expect(json.choices[0].finish_reason).toBe("stop");
    expect(json.usage.completion_tokens).toBe(length);
    expect(json.usage.total_tokens).toBe(json.usage.prompt_tokens + length);
    expect(json.choices[0].logprobs.content).toHaveLength(length);
    expect(json.choices[0].logprobs.content[1]).toMatchObject({ logprob: -0.125, top_logprobs: [] });
  });

  it("names the most probable tokens where they are asked for, streamed or not, and only beside logprobs", async () => {
    const body = { model: "m", messages: [user("hi")], logprobs: true, top_logprobs: 2 };
    const { json } = await scripted(["hello"]).post(body);
    const [, second] = json.choices[0].logprobs.content;
    expect(second.top_logprobs).toEqual([
      { token: second.token, logprob: -0.125, bytes: second.bytes },
      { token: expect.any(String), logprob: -1, bytes: expect.any(Array) },
    ]);
    const wrong = await scripted(["a"]).post({ ...body, logprobs: false });
    expect(wrong.status).toBe(400);
    expect(wrong.json.error).toMatchObject({ param: "top_logprobs" });
    expect((await scripted(["a"]).post({ ...body, top_logprobs: 21 })).json.error.param).toBe("top_logprobs");
  });

  it("is at its path, with a slash behind it or not, and refuses others by name", async () => {
    const body = { model: "m", messages: [user("hi")] };
    const post = async (path: string) => (await scripted(["a"]).post(body, path)).status;
    expect(await post("/openai/v1/chat/completions/")).toBe(200);
    expect(await post("/v1/chat/completions?api-version=1")).toBe(200);
    for (const path of ["/v1/embeddings", "/v1/chat/completions/x", "/chat/completions//"])
      expect([path, await post(path)]).toEqual([path, 404]);
  });

  it("refuses a schema nested so deep that it would overflow a stack", async () => {
    const nested = (depth: number): object => (depth === 0 ? {} : { items: nested(depth - 1) });
    const withSchema = (parameters: object) => ({
      ...{ model: "m", messages: [user("hi")] },
      tools: [{ type: "function", function: { name: "add", parameters } }],
    });
    const deep = await scripted(["a"]).post(withSchema(nested(2000)));
    expect([deep.status, deep.json.error.message]).toEqual([400, "expected JSON nested at most 256 deep"]);
    expect((await scripted(["a"], 8192).post(withSchema(nested(200)))).status).toBe(200);
  });

  it("parses tool calls only where tools are given, and keeps their arguments as written", async () => {
    const body = { model: "m", messages: [user("hi")] };
    const withTools = (await scripted([call]).post({ ...body, tools })).json.choices[0];
    expect(withTools.finish_reason).toBe("tool_calls");
    expect(withTools.message.tool_calls[0].function).toEqual({ name: "add", arguments: '{"a":1,  "b":2}' });
    const without = (await scripted([call]).post(body)).json.choices[0];
    expect(without.finish_reason).toBe("stop");
    expect(without.message.content).toBe(call);
    const forbidden = (await scripted([call]).post({ ...body, tools, tool_choice: "none" })).json.choices[0];
    expect(forbidden.message.content).toBe(call);
  });

  it("streams pieces that concatenate to the unstreamed answer, whatever is said", async () => {
    const part = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(call, "<tool_", "</tool_call>", " \n", "stop", "sto", "é😀"),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 6 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        async (parts, hasTools, stops, isCut) => {
          const text = parts.join("");
          const script = isCut ? { cut: text } : text;
          const body = {
            model: "m",
            messages: [user("hi")],
            ...(hasTools ? { tools } : {}),
            ...(stops ? { stop: "stop" } : {}),
          };
          const whole = (await scripted([script]).post(body)).json.choices[0];
          const chunks = await scripted([script]).stream(body);
          const deltas = chunks.map((chunk) => chunk.choices[0].delta);
          expect(deltas.map((delta) => delta.content ?? "").join("")).toBe(whole.message.content ?? "");
          const streamed = deltas
            .flatMap((delta) => delta.tool_calls ?? [])
            .map(({ index: _, ...rest }) => rest);
          expect(streamed).toEqual(whole.message.tool_calls ?? []);
          expect(chunks.at(-1).choices[0].finish_reason).toBe(whole.finish_reason);
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });

  it("sends usage in a chunk of its own when asked, beside the last finish reason unasked, and not where it is unwanted", async () => {
    const body = { model: "m", messages: [user("hi")] };
    const unwanted = await scripted(["a"]).stream({ ...body, stream_options: { include_usage: false } });
    expect(unwanted.some((chunk) => chunk.usage !== undefined)).toBe(false);
    const unasked = await scripted(["a"]).stream({ ...body, n: 2 });
    expect(unasked.filter((chunk) => chunk.usage !== undefined)).toEqual([unasked.at(-1)]);
    expect(unasked.at(-1)).toMatchObject({
      choices: [{ index: 1, finish_reason: "stop" }],
      usage: { completion_tokens: 2 * (tokenizer.encode("a").length + 1) },
    });
    const asked = await scripted(["a"]).stream({ ...body, stream_options: { include_usage: true } });
    expect(asked.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: tokenizer.encode("a").length + 1 },
    });
  });

  it.each([
    ["frequency_penalty", 0.5],
    ["logit_bias", { 5: 1 }],
    ["functions", [{ name: "f" }]],
  ])("refuses %s by name", async (field, value) => {
    const { status, json } = await scripted(["a"]).post({
      model: "m",
      messages: [user("hi")],
      [field]: value,
    });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({
      type: "invalid_request_error",
      param: field,
      code: "unsupported_parameter",
    });
    expect(json.error.message).toContain(field);
  });

  it("says context_length_exceeded as OpenAI does when the prompt is too long", async () => {
    const { status, json } = await scripted(["a"], 16).post({
      model: "m",
      messages: [user("hello ".repeat(30))],
    });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: "context_length_exceeded", param: "messages" });
  });

  it("cuts maxTokens to what the context leaves", async () => {
    const policy = scripted(["a"], 40);
    await policy.post({ model: "m", messages: [user("hi")], max_tokens: 1000 });
    const [asked] = policy.asked;
    expect(asked?.maxTokens).toBe(40 - (asked?.prompt.length ?? 0));
  });

  it.each([["not JSON"], [[]], [{ messages: [] }], [{ model: "m", messages: [{ role: "robot" }] }]])(
    "answers a malformed body with a 400 that says where: %j",
    async (body) => {
      const { status, json } = await scripted(["a"]).post(body as never);
      expect(status).toBe(400);
      expect(json.error.type).toBe("invalid_request_error");
    },
  );

  it("refuses a text that cannot fit before it is encoded, and one that does not fit after", async () => {
    const text = (words: number) => ({ model: "m", messages: [user("hello ".repeat(words))] });
    const { status, json } = await scripted(["a"]).post(text(2_000_000));
    expect([status, json.error.code]).toEqual([400, "context_length_exceeded"]);
    const asked = Number(/resulted in at least (\d+)/.exec(json.error.message)?.[1]);
    expect(asked).toBeGreaterThan(512);
    // The longest that fits leaves one token for the answer.
    const policy = scripted(["a", "a"], 40);
    const room = (await policy.post(text(1))).json.usage.prompt_tokens;
    const exact = scripted(["a", "a"], room);
    expect((await exact.post(text(1))).json.error.code).toBe("context_length_exceeded");
    expect((await scripted(["a"], room + 1).post(text(1))).status).toBe(200);
  });

  it("refuses a prompt whose earlier ids alone leave no room", async () => {
    const { json } = await scripted(["a"]).post({ model: "m", messages: [user("hi")] });
    const policy = scripted(["a longer answer", "a"], json.usage.prompt_tokens + 3);
    const first = await policy.post({ model: "m", messages: [user("hi")] });
    const messages = [user("hi"), first.json.choices[0].message, user("x")];
    expect((await policy.post({ model: "m", messages })).json.error.code).toBe("context_length_exceeded");
  });

  it("ends answers at the request's own tokens, and refuses those that the policy does not have", async () => {
    const policy = scripted(["hello"]);
    await policy.post({ model: "m", messages: [user("hi")], stop: ["a", "b"], stop_token_ids: [5, 6] });
    expect(policy.asked[0]?.stop).toEqual(["a", "b", 5, 6]);
    const { status, json } = await policy.post({
      model: "m",
      messages: [user("hi")],
      stop_token_ids: [5, 368],
    });
    expect([status, json.error.param]).toEqual([400, "stop_token_ids"]);
  });

  it("looks for calls outside of thoughts, also where the prompt began one", async () => {
    const opened =
      "{{- tools | tojson }}{%- for m in messages %}{{- m.role + ': ' + (m.content or '') }}{%- for c in (m.tool_calls or []) %}" +
      "{{- '<tool_call>' + (c.function | tojson) + '</tool_call>' }}{%- endfor %}{%- endfor %}{%- if add_generation_prompt %}{{- '<think>\n' }}{%- endif %}";
    const body = { model: "m", messages: [user("say <think> or so")], tools };
    const answer = async (said: string, template?: string) => {
      const policy = scripted([said], 1024, template === undefined ? {} : { template });
      return (await policy.post(body)).json.choices[0];
    };
    expect((await answer(`<think>${call}</think>no`)).message).toMatchObject({
      ...{ content: "no", reasoning_content: call },
    });
    expect((await answer(`maybe ${call}`, opened)).message.reasoning_content).toBe(`maybe ${call}`);
    const meant = await answer(`maybe ${call}</think>\n${call}`, opened);
    expect(meant.message).toMatchObject({
      ...{ content: null, reasoning_content: `maybe ${call}` },
      tool_calls: [{}],
    });
    expect(meant.finish_reason).toBe("tool_calls");
    // The user's words begin no thought.
    expect((await answer(call)).message.tool_calls).toHaveLength(1);
  });
});

describe("ids of tokens", () => {
  const body = { model: "m", messages: [user("hi")], return_token_ids: true };

  it("stand beside the answer when they are asked for, streamed or not", async () => {
    const policy = scripted(["hello", "hello"]);
    const { json } = await policy.post(body);
    const chunks = await policy.stream(body);
    const [call] = policy.calls;
    const [prompt, sampled] = [
      Array.from(call?.prompt.ids ?? []),
      Array.from(call?.choice.sampled.tokens ?? []),
    ];
    expect([json.prompt_token_ids, json.choices[0].token_ids]).toEqual([prompt, sampled]);
    expect(chunks[0].prompt_token_ids).toEqual(prompt);
    expect(chunks.flatMap((chunk) => chunk.choices[0].token_ids ?? [])).toEqual(sampled);
    expect((await scripted(["a"]).post({ ...body, return_token_ids: false })).json).not.toHaveProperty(
      "prompt_token_ids",
    );
  });
});

describe("a body that was read before", () => {
  const send = (text: string, parsed: string) =>
    scripted(["a"]).send(text, "/v1/chat/completions", {
      parsed: { text: parsed, value: JSON.parse(parsed) },
    });
  const body = JSON.stringify({ model: "m", messages: [user("hi")] });

  it("is not read again, but where it may have been no UTF-8 or is nested too deep", async () => {
    expect((await send("not read", body)).status).toBe(200);
    expect((await send("not JSON", body.replace("hi", "\ufffd"))).status).toBe(400);
    expect((await send("not read", `${'{"a":'.repeat(300)}1${"}".repeat(300)}`)).status).toBe(400);
  });
});

describe("a path that no dialect has", () => {
  it.each<[method: string, path: string, status: number, pick: (body: unknown) => unknown]>([
    ["POST", "/v1/audio/speech", 404, (body) => Object(Object(body).error).message],
    ["GET", "/api/tags", 404, (body) => Object(body).error],
    [
      "POST",
      "/v1/messages/batches",
      400,
      (body) => Object(body).type === "error" && Object(body).error.message,
    ],
    [
      "POST",
      "/v1beta/models/m:embedContent",
      404,
      (body) => Object(body).error.code === 404 && Object(body).error.message,
    ],
  ])("%s %s is refused in the shape of its neighbours", async (method, path, status, pick) => {
    const response = await scripted([]).send("", path, { method });
    expect(response.status).toBe(status);
    expect(pick(await response.json())).toContain(
      `${method} ${path} is not served by the policy; it serves POST /v1/chat/completions, `,
    );
  });
});
