// A call that names its rollout is that rollout's wherever it is made; one that names none, or one that has ended, is told so.
import { EventEmitter } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bind, currentAgent, rollout, unrouted } from "../../src/tracing/context.js";
import { installInterception } from "../../src/tracing/interception.js";
import { asAgent } from "../../src/tracing/operation.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import type { CallNote } from "../../src/types/model-call.js";
import { completion, lastMessage, type TestScope, testScope } from "./test-scope.js";

const kUrl = "https://api.openai.com/v1/chat/completions";
const echo = (changes: Partial<TestScope> = {}): TestScope & { readonly notes: CallNote[] } => {
  const notes: CallNote[] = [];
  const scope = testScope({
    handle: async (request) => completion(lastMessage(request)),
    note: (call) => void notes.push(call),
    ...changes,
  });
  return { ...scope, notes };
};
const body = (content: string) => JSON.stringify({ model: "m", messages: [{ role: "user", content }] });
const post = (url: string, headers: Record<string, string> = {}, content = "x") =>
  fetch(url, { method: "POST", headers, body: body(content) });
const nameOf = ({ rolloutId, attemptId }: TestScope) => `/rollout/${rolloutId}/attempt/${attemptId}`;

let server: Server;
let origin: string;
const reached: { url: string | undefined; name: unknown }[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    reached.push({ url: request.url, name: request.headers["x-agl-rollout"] });
    response.setHeader("content-type", "application/json");
    response.end('{"choices": [{"message": {"content": "from the server"}}]}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Runs `fn` outside any rollout while that of `scope` runs. */
async function beside(scope: TestScope, fn: () => Promise<void>): Promise<void> {
  let end: () => void = () => undefined;
  const running = runInRollout(scope, () => new Promise<void>((resolve) => (end = resolve)));
  try {
    await fn();
  } finally {
    end();
    await running;
  }
}

const places: readonly (readonly [string, (scope: TestScope) => Promise<Response>])[] = [
  [
    "the path, at the rollouts' address",
    (s) => post(`http://agentlightning.invalid${nameOf(s)}/v1/chat/completions`),
  ],
  ["the path, at a host that is not routed", (s) => post(`${origin}${nameOf(s)}/v1/chat/completions`)],
  ["the path, at a provider", (s) => post(`https://api.openai.com${nameOf(s)}/v1/chat/completions`)],
  [
    "the path, with a slash too many",
    (s) => post(`https://api.openai.com/${nameOf(s)}//v1/chat/completions`),
  ],
  ["the path, below another one", (s) => post(`http://h.invalid/proxy${nameOf(s)}/v1/chat/completions?a=1`)],
  ["the header, at a provider", (s) => post(kUrl, { "X-AGL-Rollout": `${s.rolloutId}/${s.attemptId}` })],
  [
    "the header, at a host that is not routed",
    (s) => post(`${origin}/v1/chat/completions`, { "x-agl-rollout": `${s.rolloutId}/${s.attemptId}` }),
  ],
];

describe("a call whose path begins with two slashes", () => {
  it.each([
    "//v1/chat/completions",
    "//chat/completions?a=//b",
    "///v1/chat/completions",
    "//[/chat/completions",
  ])("%s goes to the host that it names, and to no other", async (path) => {
    const hosts: string[] = [];
    const scope = echo({ route: (host) => (hosts.push(host) > 0 ? "serve" : "ignore") });
    await runInRollout(scope, () => post(`https://api.openai.com${path}`));
    expect(hosts).toEqual(["api.openai.com"]);
    expect(scope.requests.map(({ url }) => url)).toEqual([`https://api.openai.com${path}`]);
  });
});

describe("a call that names its rollout", () => {
  it.each(places)("by %s is served outside any rollout and inside another", async (_where, call) => {
    const [scope, other] = [echo(), echo()];
    await beside(scope, async () => {
      for (const run of [() => call(scope), () => runInRollout(other, () => call(scope))]) {
        const answer = await run();
        expect(await answer.json()).toMatchObject({ choices: [{ message: { content: "x" } }] });
      }
      // Nobody means a provider by a rollout's name.
      expect((await runInRollout(other, () => unrouted(() => call(scope)))).status).toBe(200);
    });
    expect([scope.requests.length, other.requests.length]).toEqual([3, 0]);
    expect(scope.notes.map(({ by }) => by)).toEqual(["name", "name", "name"]);
    for (const { url, headers } of scope.requests) {
      expect(new URL(url).pathname).toMatch(/^(?:\/proxy|\/+)?\/v1\/chat\/completions$/);
      expect(Object.keys(headers)).not.toContain("x-agl-rollout");
    }
  });

  it("keeps the agent's name and the enclosing span where its rollout runs", async () => {
    const names: unknown[] = [];
    const scope = echo();
    const named = {
      ...scope,
      handle: async () => {
        names.push(currentAgent(), rollout()?.rolloutId);
        return completion("x");
      },
    };
    await runInRollout(named, ({ endpoint }) =>
      asAgent("planner", () => post(`${endpoint.openai}/chat/completions`)),
    );
    expect(names).toEqual(["planner", scope.rolloutId]);
  });

  it("may carry ids with any characters", async () => {
    const scope = echo({ rolloutId: "a/b ?#%é", attemptId: "1/2" });
    await runInRollout(scope, async ({ endpoint }) => {
      const client = new OpenAI({ baseURL: endpoint.openai, apiKey: "x", maxRetries: 0 });
      await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] });
    });
    expect(scope.requests.map(lastMessage)).toEqual(["hi"]);
  });

  it("and is one to forward reaches its provider without the header, and no provider at the rollouts' address", async () => {
    const scope = echo({ route: () => "forward" });
    reached.length = 0;
    await beside(scope, async () => {
      const header = { "x-agl-rollout": `${scope.rolloutId}/${scope.attemptId}` };
      expect(await (await post(`${origin}/v1/chat/completions`, header)).text()).toContain("from the server");
      await fetch(`${origin}/v1/embeddings`, { method: "POST", headers: header, body: "{}" });
      const refused = await post(`http://agentlightning.invalid${nameOf(scope)}/v1/chat/completions`);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({
        error: { code: "not_forwarded", message: expect.stringContaining("routes.forward") },
      });
    });
    expect(reached).toEqual([
      { url: "/v1/chat/completions", name: undefined },
      { url: "/v1/embeddings", name: undefined },
    ]);
    expect(scope.spans).toHaveLength(1);
    expect(JSON.stringify(scope.spans)).not.toContain("x-agl-rollout");
  });

  it("at the rollouts' address is given to the rollout whatever it asks", async () => {
    const scope = testScope({ handle: async () => new Response("no", { status: 404 }) });
    await runInRollout(scope, async ({ endpoint }) => {
      for (const [path, init] of [
        ["/embeddings", { method: "POST", body: "{}" }],
        ["/models", {}],
      ] as const)
        expect((await fetch(endpoint.openai + path, init)).status).toBe(404);
    });
    expect(scope.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      "POST /v1/embeddings",
      "GET /v1/models",
    ]);
  });
});

describe("a request that is no address or only mentions a rollout", () => {
  it("takes its own way", async () => {
    const scope = echo();
    reached.length = 0;
    await beside(scope, async () => {
      await expect(fetch("http://", { method: "POST" })).rejects.toThrow(TypeError);
      await post(`${origin}/v1/chat/completions?next=${nameOf(scope)}/v1/chat/completions`);
      await post(`${origin}${nameOf(scope)}/v1/files`);
    });
    expect(reached).toHaveLength(2);
    expect(scope.requests).toEqual([]);
  });
});

describe("a call of no rollout that runs", () => {
  const kRefusal = { type: "invalid_request_error", param: null };
  it.each([
    ["rollout_unknown", "http://agentlightning.invalid/rollout/nobody/attempt/1/v1/chat/completions", {}],
    ["rollout_unknown", "http://agentlightning.invalid/v1/chat/completions", {}],
    ["rollout_unknown", "https://api.openai.com/rollout/nobody/attempt/1/v1/chat/completions", {}],
    ["rollout_unknown", kUrl, { "x-agl-rollout": "nobody/1" }],
    ["rollout_unknown", kUrl, { "x-agl-rollout": "no name" }],
    ["rollout_unknown", kUrl, { "x-agl-rollout": "a/b/c" }],
  ])("is answered 400 %s at %s %o, which no client repeats", async (code, url, headers) => {
    const release = installInterception();
    const answer = await post(url, headers);
    release();
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
    const { error } = (await answer.json()) as { error: { message: string } };
    expect(error).toMatchObject({ ...kRefusal, code });
    expect(error.message).toContain("context.endpoint");
  });

  it("is answered 400 rollout_over when its rollout has ended, by path, header or context", async () => {
    const release = installInterception();
    const scope = echo();
    let late = () => Promise.resolve(new Response());
    await runInRollout(scope, () => {
      late = bind(() => post(kUrl));
    });
    const header = { "x-agl-rollout": `${scope.rolloutId}/${scope.attemptId}` };
    for (const call of [
      () => post(`http://agentlightning.invalid${nameOf(scope)}/v1/chat/completions`),
      () => post(kUrl, header),
      late,
    ]) {
      const answer = await call();
      expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
      expect(await answer.json()).toMatchObject({ error: { ...kRefusal, code: "rollout_over" } });
    }
    const anthropic = await post(`http://agentlightning.invalid${nameOf(scope)}/v1/messages`);
    expect(await anthropic.json()).toMatchObject({ type: "error", error: { code: "rollout_over" } });
    release();
    expect(scope.requests).toEqual([]);
  });

  it("is sent once by an SDK that repeats failures", async () => {
    const release = installInterception();
    let sent = 0;
    const counted: typeof fetch = (input, init) => {
      sent += 1;
      return fetch(input, init);
    };
    const client = new OpenAI({
      ...{ apiKey: "x", maxRetries: 5, fetch: counted },
      baseURL: "http://agentlightning.invalid/rollout/nobody/attempt/1/v1",
    });
    await expect(
      client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] }),
    ).rejects.toMatchObject({ status: 400, code: "rollout_unknown" });
    release();
    expect(sent).toBe(1);
  });
});

describe("bind", () => {
  it("carries rollout, agent and `this` through an emitter that others share", async () => {
    const shared = new EventEmitter();
    shared.on("work", (work: () => void) => work());
    const scopes = [echo(), echo(), echo()];
    const queue: (() => void)[] = [];
    const done = scopes.map((scope, n) =>
      runInRollout(scope, () => {
        const work = new Promise<Response>((resolve) => {
          const bound = bind(function (this: { url: string }) {
            resolve(post(this.url, {}, `${n}`));
          });
          queue.push(() => bound.call({ url: kUrl }));
        });
        return work;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    await runInRollout(testScope(), () => {
      for (const work of queue) shared.emit("work", work);
    });
    await Promise.all(done);
    expect(scopes.map(({ requests }) => requests.map(lastMessage))).toEqual([["0"], ["1"], ["2"]]);
  });

  it.each([
    [
      "an async generator",
      () =>
        bind(async function* () {
          yield (await post(kUrl)).status;
          yield (await post(kUrl)).status;
        })(),
    ],
    [
      "a generator",
      () =>
        bind(function* () {
          yield post(kUrl).then(({ status }) => status);
          yield post(kUrl).then(({ status }) => status);
        })(),
    ],
    [
      "a generator that a function returns",
      () => {
        const calls = function* (n: number) {
          for (let i = 0; i < n; i++) yield post(kUrl).then(({ status }) => status);
        };
        return bind((n: number) => calls(n))(2);
      },
    ],
    [
      "an async method that yields another's values",
      () => {
        const inner = async function* () {
          yield (await post(kUrl)).status;
        };
        return bind(async function* () {
          yield* inner();
          yield* inner();
        })();
      },
    ],
  ])("carries the rollout through %s that another consumes", async (_what, make) => {
    const [scope, other] = [echo(), echo()];
    const seen: number[] = [];
    let steps: AsyncIterable<number> | Iterable<number | Promise<number>> | undefined;
    await runInRollout(scope, async () => {
      steps = make();
      await runInRollout(other, async () => {
        for await (const step of steps ?? []) seen.push(step);
      });
    });
    expect(seen).toEqual([200, 200]);
    expect([scope.requests.length, other.requests.length]).toEqual([2, 0]);
  });

  it("outside a rollout is the function itself", () => {
    const fn = () => 1;
    expect(bind(fn)).toBe(fn);
  });
});

describe("the endpoint of a rollout", () => {
  it("has base URLs as clients of each kind want them, and variables with keys that are none", async () => {
    const scope = testScope();
    const endpoint = await runInRollout(scope, (context) => context.endpoint);
    const base = `http://agentlightning.invalid${nameOf(scope)}`;
    expect(endpoint).toMatchObject({ openai: `${base}/v1`, anthropic: base, google: base });
    expect(endpoint.env).toMatchObject({
      ...{ OPENAI_BASE_URL: `${base}/v1`, ANTHROPIC_BASE_URL: base, GOOGLE_GEMINI_BASE_URL: base },
      OPENAI_API_KEY: "agentlightning",
    });
  });
});
