import { describe, expect, it } from "vitest";
import { type DialectClient, dialectLaws, type Said, type Wire } from "../dialect-laws.js";
import { scripted, tokenizer } from "../scripted-policy.js";

const kTool = {
  type: "function",
  function: {
    name: "add",
    parameters: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } },
  },
};

function toSaid(
  text: string,
  calls: Wire[],
  { done, done_reason, prompt_eval_count, eval_count }: Wire,
): Said {
  if (done !== true) throw new Error("the answer is not done");
  return {
    text,
    calls: calls.map(({ id, function: called }) => ({ id, name: called.name, arguments: called.arguments })),
    // A call ends an answer as its text does.
    stop: done_reason === "stop" && calls.length > 0 ? "tool_calls" : done_reason,
    usage: { input: prompt_eval_count, output: eval_count },
  };
}

function linesOf(text: string): Wire[] {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const errors = {
  readError: ({ error }: Wire) => error,
  readStreamError: (text: string) => linesOf(text).at(-1).error,
};

const optionsOf = ({ stop, maxTokens }: { stop?: string; maxTokens?: number }) => ({
  options: {
    ...(stop === undefined ? {} : { stop: [stop] }),
    ...(maxTokens === undefined ? {} : { num_predict: maxTokens }),
  },
});

const chat: DialectClient = {
  name: "ollama.chat",
  path: () => "/api/chat",
  body: ({ system, turns, hasTools, stream = false, ...asked }) => ({
    model: "m",
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      ...turns.map((turn) => {
        if ("user" in turn) return { role: "user", content: turn.user };
        if ("answer" in turn) return turn.answer.message;
        return { role: "tool", tool_name: turn.call.name, content: turn.result };
      }),
    ],
    ...(hasTools ? { tools: [kTool] } : {}),
    ...optionsOf(asked),
    stream,
  }),
  read: (body) => toSaid(body.message.content, body.message.tool_calls ?? [], body),
  readStream(text) {
    const lines = linesOf(text);
    const whole = lines.map(({ message }) => message.content).join("");
    return toSaid(
      whole,
      lines.flatMap(({ message }) => message.tool_calls ?? []),
      lines.at(-1),
    );
  },
  ...errors,
};

const generate: DialectClient = {
  name: "ollama.generate",
  hasNoTools: true,
  hasNoTurns: true,
  path: () => "/api/generate",
  body: ({ system, turns, stream = false, ...asked }) => ({
    model: "m",
    prompt: turns.flatMap((turn) => ("user" in turn ? [turn.user] : [])).join(" "),
    ...(system === undefined ? {} : { system }),
    ...optionsOf(asked),
    stream,
  }),
  read: (body) => toSaid(body.response, [], body),
  readStream(text) {
    const lines = linesOf(text);
    return toSaid(lines.map(({ response }) => response).join(""), [], lines.at(-1));
  },
  ...errors,
};

dialectLaws(chat);
dialectLaws(generate);

describe("ollama's interfaces", () => {
  const ask = (more: object, path = "/api/chat") =>
    scripted(["a"]).send(
      { model: "m", messages: [{ role: "user", content: "hi" }], stream: false, ...more },
      path,
    );

  it("streams where a request does not say", async () => {
    const response = await ask({ stream: undefined });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(linesOf(await response.text()).at(-1)).toMatchObject({ done: true, done_reason: "stop" });
  });

  it("reads what is asked of sampling, and takes no limit as none", async () => {
    const policy = scripted(["a", "a"]);
    const options = {
      temperature: 0.5,
      num_predict: -1,
      top_k: 3,
      top_p: 0.9,
      min_p: 0.1,
      stop: "x",
      seed: 7,
    };
    const body = { model: "m", messages: [{ role: "user", content: "hi" }], stream: false };
    await policy.send({ ...body, options, keep_alive: "5m" }, "/api/chat");
    const [call] = policy.calls;
    expect(call?.request.sampling).toEqual({
      ...{
        temperature: 0.5,
        topK: 3,
        topP: 0.9,
        minP: 0.1,
        maxTokens: null,
        stop: ["x"],
        stopTokenIds: null,
      },
    });
    expect(call?.request.ignored).toEqual([]);
  });

  it("takes each result for the first open call of its name", async () => {
    const policy = scripted(["a"], 2048);
    const call = (name: string, a: number) => ({ function: { name, arguments: { a } } });
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "", tool_calls: [call("f", 1), call("g", 2), call("f", 3)] },
      ...["g", "f", "f"].map((tool_name) => ({ role: "tool", tool_name, content: "1" })),
    ];
    await policy.send({ model: "m", messages, stream: false }, "/api/chat");
    expect(policy.calls[0]?.request.messages.map((message) => message.tool_call_id)).toEqual([
      ...[undefined, undefined, "call_1_1", "call_1_0", "call_1_2"],
    ]);
  });

  it.each([
    [{ messages: [{ role: "user", content: "hi", images: ["aGk="] }] }, "images"],
    [{ options: { repeat_penalty: 1.1 } }, "options.repeat_penalty"],
    [{ options: { num_predict: 0 } }, "options.num_predict"],
    [{ format: "xml" }, "format"],
    [{ messages: [{ role: "user", content: "hi", thinking: "hm" }] }, "messages.0.thinking"],
  ])("refuses %j by name", async (more, name) => {
    const response = await ask(more);
    expect(response.status).toBe(400);
    expect(((await response.json()) as Wire).error).toContain(name);
  });

  it("gives a raw prompt to the model as it is", async () => {
    const policy = scripted(["a"]);
    await policy.send({ model: "m", prompt: "one two", raw: true, stream: false }, "/api/generate");
    expect(Array.from(policy.asked[0]?.prompt as Int32Array)).toEqual([...tokenizer.encode("one two")]);
  });
});
