// The npm package undici, where it is installed: it finds the same global dispatcher. Skipped where it is absent.
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import type { Dispatcher } from "../../src/tracing/dispatcher.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { completion, lastMessage, testScope } from "./test-scope.js";

interface Undici {
  readonly fetch: typeof fetch;
  readonly Agent: new (options?: object) => Dispatcher;
  getGlobalDispatcher(): Dispatcher;
  setGlobalDispatcher(dispatcher: Dispatcher): void;
  request(url: string, options: object): Promise<{ statusCode: number; body: { text(): Promise<string> } }>;
}

const undici = load();
const capturedFetch = globalThis.fetch;
const kUrl = "https://api.openai.com/v1/chat/completions";
const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] });

describe.skipIf(undici === undefined)("npm's undici (skipped where it is not installed)", () => {
  it.each([1, 2])("is served by fetch and by request, time %i", async () => {
    const scope = testScope({ handle: async (request) => completion(lastMessage(request)) });
    await runInRollout(scope, async () => {
      const fetched = await undici!.fetch(kUrl, { method: "POST", body });
      expect(await fetched.text()).toContain('"content":"hi"');
      const headers = ["Content-Type", "application/json", "Accept-Encoding", "gzip"];
      const requested = await undici!.request(kUrl, { method: "POST", body, headers });
      expect(requested.statusCode).toBe(200);
      expect(await requested.body.text()).toContain('"content":"hi"');
    });
    expect(scope.requests.length).toBe(2);
    expect(scope.requests[1]?.headers).toEqual({ "content-type": "application/json" });
  });

  it("is served with an Agent of its own, brought along or set for all, whichever fetch calls", async () => {
    const scope = testScope({ handle: async (request) => completion(lastMessage(request)) });
    const before = undici!.getGlobalDispatcher();
    const answers: string[] = [];
    await runInRollout(scope, async () => {
      const dispatcher = new undici!.Agent({ headersTimeout: 1000 });
      const init = { method: "POST", body, dispatcher } as RequestInit;
      answers.push(await (await undici!.fetch(kUrl, init)).text());
      answers.push(await (await undici!.request(kUrl, init)).body.text());
      undici!.setGlobalDispatcher(dispatcher);
      answers.push(await (await capturedFetch(kUrl, { method: "POST", body })).text());
      answers.push(await (await undici!.fetch(kUrl, { method: "POST", body })).text());
    });
    undici!.setGlobalDispatcher(before);
    expect(answers.map((text) => text.includes('"content":"hi"'))).toEqual([true, true, true, true]);
    expect(scope.requests.length).toBe(4);
  });

  it("is told after the rollout's abort that it is over", async () => {
    const scope = testScope();
    scope.controller.abort(new RangeError("deadline"));
    await runInRollout(scope, async () => {
      const requested = await undici!.request(kUrl, { method: "POST", body });
      expect(requested.statusCode).toBe(400);
      expect(await requested.body.text()).toContain("rollout_over");
      const fetched = await undici!.fetch(kUrl, { method: "POST", body });
      expect(await fetched.json()).toMatchObject({ error: { code: "rollout_over" } });
    });
  });
});

function load(): Undici | undefined {
  const require = createRequire(import.meta.url);
  const path = process.env.AGL_TEST_UNDICI ?? "undici";
  try {
    return require(path) as Undici;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
