// The laws of a dialect, run for each: what it answers is the policy's answer, streamed or not, and what it cannot answer is refused in its own shape.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toCallSpan } from "../../../src/server/endpoint/call-span.js";
import { dialectOf } from "../../../src/server/endpoint/dialects.js";
import type { DialectName } from "../../../src/types/call-request.js";
import { createGate } from "./gate.js";
import { mutated } from "./mutated.js";
import { type Scripted, scripted, tokenizer } from "./scripted-policy.js";

// biome-ignore lint/suspicious/noExplicitAny: a wire body of any shape, which the drivers look into
export type Wire = any;

/** A turn of a conversation: what a user says, an answer as it came (the whole body), what a tool says to a call of that answer. */
export type Turn =
  | { readonly user: string }
  | { readonly answer: Wire }
  | { readonly result: string; readonly call: SaidCall };

export interface Asked {
  readonly system?: string;
  readonly turns: readonly Turn[];
  /** Offers the tool "add" with the numbers a and b. */
  readonly hasTools?: boolean;
  readonly stop?: string;
  readonly maxTokens?: number;
  readonly stream?: boolean;
}

export interface SaidCall {
  /** undefined where the dialect has none. */
  readonly id?: string;
  readonly name: string;
  /** Parsed, or as text that is no JSON. */
  readonly arguments: unknown;
}

/** What a client reads from an answer. */
export interface Said {
  /** Undefined where the dialect's answers have none. */
  readonly id?: string;
  readonly text: string;
  readonly calls: readonly SaidCall[];
  readonly stop: "stop" | "length" | "tool_calls";
  readonly usage: { readonly input: number; readonly output: number };
}

/** How a client of the dialect asks and reads. Each `read` throws where an answer has not the dialect's shape. */
export interface DialectClient {
  readonly name: DialectName;
  path(asked: Asked): string;
  readonly headers?: (asked: Asked) => Readonly<Record<string, string>>;
  body(asked: Asked): Wire;
  read(body: Wire): Said;
  readStream(text: string): Said;
  /** The message of a refusal. */
  readError(body: Wire): string;
  /** The message of an error inside a stream. */
  readStreamError(text: string): string;
  /** The dialect cannot cut answers at a string of the request's. */
  readonly hasNoStop?: true;
  /** Nothing can be called. */
  readonly hasNoTools?: true;
  /** A request is one prompt: no turns before it. */
  readonly hasNoTurns?: true;
  /** The prompt is a text that no template writes: no system prompt. */
  readonly hasNoMessages?: true;
}

export function dialectLaws(client: DialectClient): void {
  describe(`${client.name} keeps the laws of dialects`, () => {
    answerLaws(client);
    streamLaws(client);
    conversationLaws(client);
    errorLaws(client);
    editLaws(client);
  });
}

const kCall = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>';
const kHi: Asked = { turns: [{ user: "hi" }] };

async function sendTo(client: DialectClient, policy: Scripted, asked: Asked, signal?: AbortSignal) {
  return await policy.send(client.body(asked), client.path(asked), {
    headers: { ...client.headers?.(asked) },
    ...(signal === undefined ? {} : { signal }),
  });
}

async function ask(client: DialectClient, policy: Scripted, asked: Asked): Promise<Said> {
  const response = await sendTo(client, policy, asked);
  const text = await response.text();
  expect([response.status, text]).toEqual([200, text]);
  return asked.stream ? client.readStream(text) : client.read(JSON.parse(text));
}

async function refusal(client: DialectClient, response: Response): Promise<string> {
  expect(response.headers.get("x-should-retry")).toBe("false");
  return client.readError(JSON.parse(await response.text()));
}

function answerLaws(client: DialectClient): void {
  it("answers with the text, the usage and the id that the call's span has", async () => {
    const policy = scripted(["hello"]);
    const said = await ask(client, policy, kHi);
    const [call] = policy.calls;
    if (call === undefined) throw new Error("no call was recorded");
    expect(said).toMatchObject({ text: "hello", calls: [], stop: "stop" });
    expect(said.usage).toEqual({
      input: call.prompt.ids.length,
      output: tokenizer.encode("hello").length + 1,
    });
    if (said.id !== undefined) expect(said.id).toBe(call.responseId);
    expect(toCallSpan(call, tokenizer)).toMatchObject({
      name: "openai.chat.completion",
      attributes: { "agentlightning.dialect": client.name, "gen_ai.response.id": call.responseId },
    });
  });

  it.each([false, true])("says whether an answer ended or was cut (streamed: %j)", async (stream) => {
    const asked = { ...kHi, hasTools: true, stream };
    expect((await ask(client, scripted(["a"], 1024), asked)).stop).toBe("stop");
    expect((await ask(client, scripted([{ cut: "a" }], 1024), asked)).stop).toBe("length");
  });

  it.skipIf(client.hasNoTools).each([false, true])(
    "says that an answer ended in a call, and which (streamed: %j)",
    async (stream) => {
      const asked = { ...kHi, hasTools: true, stream };
      const called = await ask(client, scripted([`so ${kCall}`], 1024), asked);
      expect(called).toMatchObject({ text: "so", stop: "tool_calls" });
      expect(called.calls).toMatchObject([{ name: "add", arguments: { a: 1, b: 2 } }]);
    },
  );

  it("samples as many tokens as were asked for", async () => {
    const policy = scripted(["a"]);
    await ask(client, policy, { ...kHi, maxTokens: 7 });
    expect(policy.asked[0]?.maxTokens).toBe(7);
  });

  it.skipIf(client.hasNoStop)("cuts the text before a string that ends it", async () => {
    const asked = { ...kHi, stop: "stop" };
    for (const stream of [false, true])
      expect(await ask(client, scripted(["go stop go"]), { ...asked, stream })).toMatchObject({
        text: "go ",
        stop: "stop",
      });
  });
}

function streamLaws(client: DialectClient): void {
  it("streams pieces that concatenate to the unstreamed answer, whatever is said", async () => {
    const part = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(kCall, "<tool_", "</tool_call>", "<think>", "</think>", " \n", "stop", "sto", "é😀"),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 6 }),
        fc.record({
          hasTools: client.hasNoTools ? fc.constant(false) : fc.boolean(),
          stops: fc.boolean(),
          isCut: fc.boolean(),
        }),
        async (parts, { hasTools, stops, isCut }) => {
          const text = parts.join("");
          const script = isCut ? { cut: text } : text;
          const asked = { ...kHi, hasTools, ...(stops && !client.hasNoStop ? { stop: "stop" } : {}) };
          const { id: _, ...whole } = await ask(client, scripted([script], 1024), asked);
          const { id: _1, ...streamed } = await ask(client, scripted([script], 1024), {
            ...asked,
            stream: true,
          });
          expect(withoutCallIds(streamed)).toEqual(withoutCallIds(whole));
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });

  it("hands out what is certain before the next token is drawn", async () => {
    const gate = createGate();
    const policy = scripted(["one Q"], 512, { pace: gate.pace });
    const response = await sendTo(client, policy, { ...kHi, stream: true });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let read = "";
    gate.open(tokenizer.encode("one Q").length);
    while (!read.includes("Q")) read += (await reader?.read())?.value ?? "";
    expect(policy.calls).toEqual([]);
    gate.open(9);
    for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read())
      read += piece.value;
    expect(client.readStream(read).text).toBe("one Q");
  });

  it("stops sampling when the client leaves the stream, and records what it had", async () => {
    const gate = createGate();
    const policy = scripted(["one two three"], 512, { pace: gate.pace });
    const response = await sendTo(client, policy, { ...kHi, stream: true });
    gate.open(3);
    await gate.taken(3);
    await response.body?.cancel();
    expect(policy.asked[0]?.signal?.aborted).toBe(true);
    gate.open(1);
    await expect.poll(() => policy.calls.length).toBe(1);
    expect(policy.calls[0]?.choice).toMatchObject({ finishReason: "aborted" });
    expect(policy.calls[0]?.choice.sampled.tokens).toHaveLength(3);
  });

  it("ends a stream whose rollout ends with an error in it", async () => {
    const gate = createGate();
    const rollout = new AbortController();
    const policy = scripted(["one two three"], 512, { pace: gate.pace });
    const response = await sendTo(client, policy, { ...kHi, stream: true }, rollout.signal);
    rollout.abort(new Error("the deadline has passed"));
    gate.open(1);
    expect(client.readStreamError(await response.text())).toContain("the deadline has passed");
  });
}

function conversationLaws(client: DialectClient): void {
  it.skipIf(client.hasNoTurns).each(client.hasNoMessages ? [false] : [false, true])(
    "splices the ids of the first turn into the second (system: %j)",
    async (hasSystem) => {
      const policy = scripted(["hello", "bye"], 1024);
      const lead = hasSystem ? { system: "Be brief." } : {};
      const first = await sendTo(client, policy, { ...lead, ...kHi });
      const turns = [{ user: "hi" }, { answer: await first.json() }, { user: "and" }];
      await ask(client, policy, { ...lead, turns });
      expectSpliced(policy);
      const said = client.hasNoMessages
        ? []
        : [...(hasSystem ? ["system"] : []), "user", "assistant", "user"];
      expect(policy.calls[1]?.request.messages.map(({ role }) => role)).toEqual(said);
    },
  );

  it.skipIf(client.hasNoTools).each(["", "I add. "])(
    "splices the ids of an answer that calls a tool, with %j before the call",
    async (lead) => {
      const policy = scripted([lead + kCall, "3"], 1024);
      const first = await (await sendTo(client, policy, { ...kHi, hasTools: true })).json();
      const [call] = client.read(first).calls;
      if (call === undefined) throw new Error("no tool was called");
      const turns = [{ user: "hi" }, { answer: first }, { result: "3", call }];
      expect(await ask(client, policy, { turns, hasTools: true })).toMatchObject({ text: "3" });
      expectSpliced(policy);
      expect(policy.calls[1]?.request.messages.map(({ role }) => role)).toEqual([
        "user",
        "assistant",
        "tool",
      ]);
    },
  );
}

function expectSpliced({ calls: [first, second] }: Scripted): void {
  if (first === undefined || second === undefined) throw new Error("expected two calls");
  const before = [...first.prompt.ids, ...first.choice.sampled.tokens];
  expect(second.prompt.prefix).toBe("extends");
  expect([...second.prompt.ids].slice(0, before.length)).toEqual(before);
}

function errorLaws(client: DialectClient): void {
  it("refuses a prompt that cannot fit with a 400 that says so", async () => {
    const long = { turns: [{ user: "hello ".repeat(30) }] };
    for (const stream of [false, true]) {
      const response = await sendTo(client, scripted(["a"], 16), { ...long, stream });
      expect(response.status).toBe(400);
      expect(await refusal(client, response)).toContain("maximum context length is 16 tokens");
    }
  });

  it("says in its own shape that the policy failed, in a stream as well", async () => {
    const failing = () => scripted(["a"], 512, { failure: new Error("the engine is gone") });
    const whole = await sendTo(client, failing(), kHi);
    expect([whole.status, await refusal(client, whole)]).toEqual([500, "the engine is gone"]);
    const stream = await sendTo(client, failing(), { ...kHi, stream: true });
    expect(client.readStreamError(await stream.text())).toContain("the engine is gone");
  });

  it("rejects with the reason of an abort", async () => {
    const gate = createGate();
    const stop = new AbortController();
    const policy = scripted(["one two"], 512, { pace: gate.pace });
    const answer = sendTo(client, policy, kHi, stop.signal);
    await gate.taken(0);
    stop.abort(new Error("no longer wanted"));
    gate.open(1);
    await expect(answer).rejects.toThrow("no longer wanted");
  });

  it.each(["", "{", "null", "[]", "5", '"text"', "{}", '{"model": 5}'])(
    "refuses %j as a body in its own shape",
    async (body) => {
      const response = await scripted(["a"]).send(body, client.path(kHi), {
        headers: { ...client.headers?.(kHi) },
      });
      expect([body, response.status]).toEqual([body, 400]);
      expect(await refusal(client, response)).not.toBe("");
    },
  );

  it("answers a body of any contents, or refuses it with a 4xx in its own shape", async () => {
    const policy = scripted([kCall]);
    const first = await (await sendTo(client, policy, { ...kHi, hasTools: true })).json();
    const [call] = client.read(first).calls;
    const turns: Turn[] = [
      { user: "hi" },
      { answer: first },
      ...(call ? [{ result: "3", call }] : []),
      { user: "so" },
    ];
    const whole = {
      system: "Be brief.",
      turns,
      hasTools: true,
      maxTokens: 5,
      ...(client.hasNoStop ? {} : { stop: "x" }),
    };
    const valid = JSON.stringify(client.body(whole));
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(null, "", 0, -1, -1e308, [], {}, "text", "auto", true),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1e6),
        fc.constantFrom("replace", "drop", "add"),
        value,
        async (at, how, thing) => {
          const body = mutated(JSON.parse(valid), at, how, thing);
          const sent = await scripted(["a"], 2048).send(body, client.path(whole), {
            headers: { ...client.headers?.(whole) },
          });
          if (sent.status === 200) return void (await sent.text());
          refused++;
          expect(sent.status, await sent.clone().text()).toBeGreaterThanOrEqual(400);
          expect(sent.status, await sent.clone().text()).toBeLessThan(500);
          expect(await refusal(client, sent)).not.toBe("");
        },
      ),
      { numRuns: 400, seed: 11 },
    );
    expect(refused).toBeGreaterThan(50);
  });
}

function editLaws(client: DialectClient): void {
  const dialect = dialectOf("POST", client.path(kHi));

  it.skipIf(client.hasNoMessages)(
    "edits system prompt and examples, and leaves the rest of the conversation",
    async () => {
      const edits = {
        system: "Be kind.",
        messages: [
          { role: "user", content: "x" },
          { role: "assistant", content: "y" },
        ],
      };
      for (const system of ["Be brief.", undefined]) {
        const asked = { ...kHi, ...(system === undefined ? {} : { system }) };
        const policy = scripted(["a"], 1024);
        await policy.send(dialect?.edit(client.body(asked), edits), client.path(asked), {
          headers: { ...client.headers?.(asked) },
        });
        const said = policy.calls[0]?.request.messages.map(({ role, content }) => [role, content]);
        expect(said).toEqual([
          ["system", "Be kind."],
          ...(client.hasNoTurns
            ? []
            : [
                ["user", "x"],
                ["assistant", "y"],
              ]),
          ["user", "hi"],
        ]);
      }
    },
  );

  it("edits nothing where nothing is to be edited, and nothing of what is no call", () => {
    const body = client.body({ ...kHi, system: "Be brief.", hasTools: true });
    expect(dialect?.edit(body, {})).toEqual(body);
    for (const other of [null, 5, "text", [], {}])
      expect(dialect?.edit(other, { system: "x" })).toEqual(other);
  });
}

function withoutCallIds(said: Omit<Said, "id">) {
  return { ...said, calls: said.calls.map(({ name, arguments: args }) => ({ name, args })) };
}
