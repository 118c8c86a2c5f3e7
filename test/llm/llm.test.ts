import { describe, expect, it, vi } from "vitest";
import { llm } from "../../src/llm/llm.js";
import type { LlmOptions } from "../../src/llm/llm-options.js";
import { isProviderError } from "../../src/runner/provider-error.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";
import { modelServer } from "./model-server.js";

const question = { messages: [{ role: "user", content: "hi" }] };
const again = { "retry-after-ms": "0" };

describe("a language model", () => {
  it("sends what it was told to, and nothing that it was not", async () => {
    vi.stubEnv("AGL_TEST_KEY", "sk-secret-secret-secret");
    await using server = await modelServer(() => "hello");
    const { baseURL } = server;
    const plain = llm({ baseURL, model: "m" });
    expect(await plain.ask(question)).toEqual({
      ...{ text: "hello", finishReason: "stop", promptTokens: 1000, responseTokens: 10, cost: null },
    });
    expect(server.asked[0]?.body).toEqual({ model: "m", messages: question.messages });
    expect(server.asked[0]?.headers).not.toHaveProperty("authorization");
    const full = llm({
      ...{ baseURL: `${baseURL}/`, model: "m", apiKeyEnv: "AGL_TEST_KEY", price: { input: 2, output: 30 } },
      ...{
        sampling: { temperature: 0, topP: 0.5, maxTokens: 7, seed: 3 },
        body: { reasoning_effort: "low" },
      },
    });
    expect((await full.ask(question)).cost).toBeCloseTo(0.0023, 12);
    expect(server.asked[1]?.headers.authorization).toBe("Bearer sk-secret-secret-secret");
    expect(server.asked[1]?.body).toEqual({
      ...{ model: "m", messages: question.messages, temperature: 0, top_p: 0.5, max_tokens: 7, seed: 3 },
      reasoning_effort: "low",
    });
    await full.ask(question);
    expect(full.usage).toMatchObject({
      answers: 2,
      failures: 0,
      retries: 0,
      promptTokens: 2000,
      responseTokens: 20,
    });
    expect(full.usage.cost).toBeCloseTo(0.0046, 12);
    expect(JSON.stringify(full)).not.toContain("secret");
    vi.unstubAllEnvs();
    await expect(full.ask(question)).rejects.toThrow(/AGL_TEST_KEY/);
  });

  it.each([
    ["429", { status: 429, headers: again }],
    ["500", { status: 500, headers: again }],
    ["408", { status: 408, headers: { "retry-after": "0" } }],
    [
      "409, with a date that has passed",
      { status: 409, headers: { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" } },
    ],
  ] as const)("asks again after a %s", async (_of, failing) => {
    await using server = await modelServer((nth) => (nth < 2 ? failing : "at last"));
    const model = llm({ baseURL: server.baseURL, model: "m" });
    expect((await model.ask(question)).text).toBe("at last");
    expect(model.usage).toMatchObject({ answers: 1, failures: 0, retries: 2 });
  });

  it.each([
    [
      "a 401, at once, without the key",
      { status: 401, body: "no key sk-abcdefghijklmnopqrst" },
      1,
      /status 401: no key \[redacted\]$/,
    ],
    ["a 400", { status: 400, body: "max_tokens" }, 1, /status 400: max_tokens/],
    ["a 503 that stays", { status: 503, headers: again }, 2, /status 503.*after 2 tries/],
    ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:9/" } }, 1, /status 307/],
    ["no JSON", { status: 200, body: "<html>" }, 2, /no chat completion: <html>/],
    ["no message", { status: 200, body: '{"choices": []}' }, 2, /no chat completion/],
    ["a connection that breaks", "BREAK", 2, /got /],
  ] as const)("says what was wrong with %s", async (_of, said, times, message) => {
    await using server = await modelServer(() => said);
    const model = llm({ baseURL: server.baseURL, model: "m", retries: 1 });
    const error = await model.ask(question).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "E_PROVIDER", message: expect.stringMatching(message) });
    // Of an agent that asks, it is a provider's failure.
    expect(isProviderError(error, [])).toBe(true);
    expect([server.asked.length, model.usage.failures]).toEqual([times, 1]);
  });

  it("gives up a request at its deadline, and the question when its signal aborts", async () => {
    await using server = await modelServer(() => "HANG");
    const model = llm({ baseURL: server.baseURL, model: "m", retries: 0, timeoutMs: 20 });
    await expect(model.ask(question)).rejects.toThrow(/no answer within 20 ms/);
    const patient = llm({ baseURL: server.baseURL, model: "m", maxConcurrency: 1 });
    const [stop, stopWaiting] = [new AbortController(), new AbortController()];
    const asking = patient.ask({ ...question, signal: stop.signal });
    const waiting = patient.ask({ ...question, signal: stopWaiting.signal });
    stopWaiting.abort(new Error("not any more"));
    await expect(waiting).rejects.toThrow("not any more");
    stop.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });

  it("asks as many questions at a time as it may, and goes on after one that failed", async () => {
    const gates: (() => void)[] = [];
    await using server = await modelServer(async (nth) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return nth === 0 ? { status: 400 } : "ok";
    });
    const model = llm({ baseURL: server.baseURL, model: "m", maxConcurrency: 2 });
    const all = Array.from({ length: 5 }, () => model.ask(question).catch(() => undefined));
    for (let done = 0; done < 5; done++) {
      await vi.waitFor(() => expect(gates.length).toBeGreaterThan(0));
      gates.shift()?.();
    }
    await Promise.all(all);
    expect([server.most, server.asked.length, model.usage.answers]).toEqual([2, 5, 4]);
  });

  it("is a policy, too: the same question has the same answer, of the base", async () => {
    await using policy = await tinyPolicy();
    const model = llm({ policy, sampling: { maxTokens: 5 } });
    const first = await model.ask({ messages: [{ role: "user", content: "abc" }] });
    expect(first).toMatchObject({ promptTokens: 3, cost: null });
    expect(first.text).toMatch(/^[a-o]{0,5}$/);
    expect(await model.ask({ messages: [{ role: "user", content: "abc" }] })).toEqual(first);
    expect(model.identity).toEqual({ policy: "base", sampling: { maxTokens: 5 } });
  });

  const server = { baseURL: "http://h/v1", model: "m" };
  it.each<[string, unknown]>([
    ["no address", { model: "m" }],
    ["an address of another kind", { ...server, baseURL: "ftp://h" }],
    ["a password in the address", { ...server, baseURL: "http://me:secret@h/v1" }],
    ["a key in the address", { ...server, baseURL: "http://h/v1?key=secret" }],
    ["no model", { baseURL: "http://h" }],
    ["a key", { ...server, apiKey: "sk-secret" }],
    ["a key for its variable", { ...server, apiKeyEnv: "sk-secret" }],
    ["a misspelt option", { ...server, timeout: 5 }],
    ["a sampling that is none", { ...server, sampling: { temperature: -1 } }],
    ["a misspelt sampling", { ...server, sampling: { top_p: 1 } }],
    ["half a price", { ...server, price: { input: 1 } }],
    ["no slots", { ...server, maxConcurrency: 0 }],
    ["a body that is none", { ...server, body: 3 }],
    ["an adapter of no policy", { ...server, adapter: "a" }],
    ["a policy and a server", { ...server, policy: { renderChat: () => 0 } }],
    ["a policy that is none", { policy: {} }],
  ])("refuses %s, and shows no key", (_of, options) => {
    const make = () => llm(options as LlmOptions);
    expect(make).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(make).not.toThrow(/secret/);
  });

  it("refuses a question without messages", async () => {
    await expect(llm(server).ask({ messages: [] })).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
