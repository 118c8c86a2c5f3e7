// Whichever fetch a program has, its calls are answered, or nothing starts.
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { unrouted } from "../../src/tracing/context.js";
import { installInterception } from "../../src/tracing/interception.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { assertReach, reachFetch } from "../../src/tracing/self-test.js";
import { completion, lastMessage, streamedCompletion, testScope } from "./test-scope.js";

const nativeFetch = globalThis.fetch;
const kUrl = "https://api.openai.com/v1/chat/completions";
const body = (content: string) => JSON.stringify({ model: "m", messages: [{ role: "user", content }] });

let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ id: "real", url: request.url, name: request.headers["x-agl-rollout"] ?? null }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => {
  globalThis.fetch = nativeFetch;
});

/** A fetch on node:http, as polyfills have it: no dispatcher of undici's sees its calls, nor, on connections of its own, does an agent. */
function polyfill(hasAgent = false): typeof fetch {
  return async (input, init) => {
    const asked = new Request(input, init);
    const text = await asked.text();
    const { hostname, port, pathname, search } = new URL(asked.url);
    const createConnection = () => connect(Number(port || 80), hostname);
    return await new Promise((resolve, reject) => {
      const call = httpRequest(
        {
          ...{ hostname, port, path: pathname + search, method: asked.method },
          ...(hasAgent ? {} : { createConnection }),
          headers: Object.fromEntries(asked.headers),
        },
        async (response) => {
          let answer = "";
          for await (const piece of response) answer += piece;
          resolve(new Response(answer, { status: response.statusCode ?? 500 }));
        },
      );
      call.on("error", (cause) => reject(new TypeError("fetch failed", { cause })));
      asked.signal.addEventListener("abort", () => call.destroy());
      call.end(text);
    });
  };
}

const fetches: readonly (readonly [string, () => typeof fetch])[] = [
  ["the runtime's own", () => nativeFetch],
  ["one that wraps the runtime's own", () => (input, init) => nativeFetch(input, init)],
  ["a polyfill on node:http", () => polyfill(true)],
  ["a polyfill on connections of its own", polyfill],
  ["a mock that goes nowhere", () => async () => new Response("mock")],
  [
    "one that throws at once",
    () => () => {
      throw new Error("no network here");
    },
  ],
];

describe.each(fetches)("a program whose global fetch is %s", (_name, make) => {
  it("has its model calls answered, and its fetch back afterwards", async () => {
    const own = make();
    globalThis.fetch = own;
    const scope = testScope({ handle: async (request) => completion(lastMessage(request)) });
    const answers = await runInRollout(scope, async ({ endpoint }) => {
      const init = {
        method: "POST",
        body: body("hi"),
        headers: { "x-agl-rollout": `${scope.rolloutId}/at-1` },
      };
      const responses = [
        await fetch(kUrl, { method: "POST", body: body("hi") }),
        await fetch(new Request(kUrl, { method: "POST", body: body("hi") })),
        await fetch(new URL(`${endpoint.openai}/chat/completions`), { method: "POST", body: body("hi") }),
        await fetch(kUrl, init),
      ];
      return await Promise.all(responses.map(async (response) => [response.status, await response.json()]));
    });
    for (const answer of answers)
      expect(answer).toMatchObject([200, { choices: [{ message: { content: "hi" } }] }]);
    expect(scope.requests.map(({ url }) => new URL(url).pathname)).toEqual(
      answers.map(() => "/v1/chat/completions"),
    );
    expect(scope.requests.some(({ headers }) => "x-agl-rollout" in headers)).toBe(false);
    expect(globalThis.fetch).toBe(own);
  });
});

describe("a fetch that goes past undici", () => {
  const within = async <T>(scope: ReturnType<typeof testScope>, fn: () => Promise<T>): Promise<T> => {
    globalThis.fetch = polyfill();
    return await runInRollout(scope, fn);
  };

  it("streams, and stops with its client and with its rollout", async () => {
    const signals: AbortSignal[] = [];
    async function* endless() {
      for (;;) {
        yield "a";
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    const scope = testScope({
      handle: async (request) => {
        signals.push(request.signal);
        return streamedCompletion(lastMessage(request) === "short" ? ["a", "b"] : endless());
      },
    });
    await within(scope, async () => {
      const short = await fetch(kUrl, { method: "POST", body: body("short") });
      expect((await short.text()).match(/"content":"[ab]"/g)).toHaveLength(2);
      const client = new AbortController();
      const mine = await fetch(kUrl, { method: "POST", body: body("x"), signal: client.signal });
      const reading = mine.text();
      client.abort(new RangeError("enough"));
      await expect(reading).rejects.toThrow();
      const theirs = await fetch(kUrl, { method: "POST", body: body("x") });
      const rest = theirs.text();
      scope.controller.abort(new RangeError("deadline"));
      await expect(rest).rejects.toThrow();
      const late = await fetch(kUrl, { method: "POST", body: body("x") });
      expect(await late.json()).toMatchObject({ error: { code: "rollout_over" } });
    });
    expect(signals.slice(1).map(({ reason }) => String(reason))).toEqual([
      "RangeError: enough",
      "RangeError: deadline",
    ]);
  });

  it("passes what is forwarded, recorded and without the name, ignored and unrouted", async () => {
    const call = async () => {
      const headers = { "x-agl-rollout": `${scope.rolloutId}/at-1` };
      return await (
        await fetch(`${origin}/v1/chat/completions`, { method: "POST", body: body("x"), headers })
      ).json();
    };
    const scope = testScope({ route: () => "forward" });
    const warnings: unknown[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on("warning", listen);
    expect(await within(scope, call)).toMatchObject({ id: "real", name: null });
    expect(scope.spans).toMatchObject([
      {
        name: "openai.chat.completion",
        attributes: { "gen_ai.response.id": "real" },
        status: { code: "OK" },
      },
    ]);
    const ignoring = testScope({ route: () => "ignore" });
    const plain = async () =>
      await (await fetch(`${origin}/v1/chat/completions`, { method: "POST", body: body("x") })).json();
    expect(await within(ignoring, plain)).toMatchObject({ id: "real" });
    expect(await within(testScope(), () => unrouted(plain))).toMatchObject({ id: "real" });
    expect(ignoring.requests).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });
});

describe("a program whose fetch cannot be wrapped", () => {
  it("is told so before anything starts", async () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "fetch")!;
    Object.defineProperty(globalThis, "fetch", { configurable: true, value: polyfill(), writable: false });
    const release = installInterception();
    try {
      expect(await reachFetch()).toBe(false);
      await expect(assertReach("trainer")).rejects.toMatchObject({
        code: "E_STATE",
        message: expect.stringMatching(
          /^trainer: expected .* global fetch .* key; let globalThis.fetch be writable/,
        ),
      });
    } finally {
      release();
      Object.defineProperty(globalThis, "fetch", descriptor);
    }
  });
});
