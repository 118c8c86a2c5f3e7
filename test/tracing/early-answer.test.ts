import { describe, expect, it } from "vitest";
import { isNodesOwn } from "../../src/tracing/early-answer.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { completion, streamedCompletion, testScope } from "./test-scope.js";

const nativeFetch = globalThis.fetch;
const kUrl = "https://api.openai.com/v1/chat/completions?a=1#b";
const init = { method: "post", body: '{"model": "m"}' };

describe("a call that is answered before fetch makes a request of it", () => {
  it("is one of Node's own fetch, and of nobody's wrapper", () => {
    expect(isNodesOwn(nativeFetch)).toBe(true);
    const others: (typeof fetch)[] = [
      (input, init) => nativeFetch(input, init),
      nativeFetch.bind(globalThis),
      new Proxy(nativeFetch, {}),
      async function fetch(input: Parameters<typeof nativeFetch>[0], init?: RequestInit) {
        return nativeFetch(input, init);
      },
    ];
    expect(others.map(isNodesOwn)).toEqual([false, false, false, false]);
  });

  it("has the answer that it has at the dispatcher: status, headers, address, body", async () => {
    const handle = async () =>
      new Response('{"a": "é"}', {
        status: 429,
        headers: { "content-type": "application/json", "x-a": "b" },
      });
    const answers = await runInRollout(testScope({ handle }), async () =>
      Promise.all(
        [fetch, nativeFetch].map(async (way) => {
          const response = await way(kUrl, init);
          const { status, ok, url, redirected } = response;
          return [
            status,
            ok,
            url,
            redirected,
            response.headers.get("x-a"),
            await response.clone().json(),
            await response.text(),
          ];
        }),
      ),
    );
    expect(answers[0]).toEqual([429, false, kUrl.split("#")[0], false, "b", { a: "é" }, '{"a": "é"}']);
    expect(answers[0]).toEqual(answers[1]);
  });

  it("does not hold on to the rollout's signal or the client's, whether it was read, left or cut", async () => {
    const scope = testScope({ handle: async () => streamedCompletion(["a", "b"]) });
    const whole = testScope({ handle: async () => completion("a") });
    const held = new Map<AbortSignal, number>();
    const count = (signal: AbortSignal) => {
      held.set(signal, 0);
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...values: [string, never, never]) => {
        held.set(signal, (held.get(signal) ?? 0) + 1);
        addEventListener.apply(signal, values);
      };
      signal.removeEventListener = (...values: [string, never, never]) => {
        held.set(signal, (held.get(signal) ?? 0) - 1);
        removeEventListener.apply(signal, values);
      };
      return signal;
    };
    for (const { signal } of [scope, whole]) count(signal);
    const client = count(new AbortController().signal);
    await runInRollout(whole, async () => void (await fetch(kUrl, { ...init, signal: client })));
    await runInRollout(scope, async () => {
      await (await fetch(kUrl, { ...init, signal: client })).text();
      await (await fetch(kUrl, { ...init, signal: client })).body?.cancel();
    });
    expect([...held.values()]).toEqual([0, 0, 0]);
  });

  it("is made in the order of the calls, before any of them is waited for", () => {
    const seen: string[] = [];
    const handle = async ({ body }: { body: Uint8Array }) => {
      seen.push(new TextDecoder().decode(body));
      return completion("a");
    };
    return runInRollout(testScope({ handle }), async () => {
      const calls = ["1", "2", "3"].map((body) => fetch(kUrl, { ...init, body }));
      expect(seen).toEqual(["1", "2", "3"]);
      await Promise.all(calls);
    });
  });

  it("leaves bodies in other forms, requests and aborted calls to fetch, which has them answered too", async () => {
    const scope = testScope({ handle: async () => completion("a") });
    await runInRollout(scope, async () => {
      const forms = [new TextEncoder().encode(init.body), new Blob([init.body]), new URLSearchParams("a=b")];
      for (const body of forms) expect((await fetch(kUrl, { ...init, body })).status).toBe(200);
      expect((await fetch(new Request(kUrl, init))).status).toBe(200);
      const aborted = AbortSignal.abort(new RangeError("no"));
      await expect(fetch(kUrl, { ...init, signal: aborted })).rejects.toThrow("no");
    });
    expect(scope.requests).toHaveLength(4);
  });
});
