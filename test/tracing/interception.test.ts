import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { currentScope, rollout, unrouted } from "../../src/tracing/context.js";
import type { Dispatcher } from "../../src/tracing/dispatcher.js";
import { emitMessage, emitReward } from "../../src/tracing/emit.js";
import { installInterception } from "../../src/tracing/interception.js";
import { asAgent } from "../../src/tracing/operation.js";
import { toEndpoint } from "../../src/tracing/rollout-name.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { draftSpan, recordSpan } from "../../src/tracing/span.js";
import { completion, lastMessage, streamedCompletion, type TestScope, testScope } from "./test-scope.js";

const capturedFetch = globalThis.fetch;
const kUrl = "https://api.openai.com/v1/chat/completions";
const kSlots = [1, 2].map((n) => Symbol.for(`undici.globalDispatcher.${n}`));
const slots = () => kSlots.map((key) => (globalThis as unknown as Record<symbol, unknown>)[key]);

const chatBody = (content: string) =>
  JSON.stringify({ model: "gpt-x", messages: [{ role: "user", content }] });
const echo = (): TestScope => testScope({ handle: async (request) => completion(lastMessage(request)) });

async function ask(content: string, fetchFunction = fetch): Promise<string> {
  const response = await fetchFunction(kUrl, { method: "POST", body: chatBody(content) });
  const json = (await response.json()) as { choices: { message: { content: string } }[] };
  return json.choices[0]!.message.content;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let server: Server;
let origin: string;
let reached: { url: string; body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      reached.push({ url: request.url!, body });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ choices: [{ message: { content: "from the server" } }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe("fetch inside a rollout", () => {
  it("is answered by the rollout's handler, which sees method, address, body and headers", async () => {
    const scope = echo();
    const answer = await runInRollout(scope, () => ask("hello"));
    expect(answer).toBe("hello");
    const [request] = scope.requests;
    expect(request).toMatchObject({ method: "POST", url: kUrl });
    expect(request?.headers["content-type"]).toMatch(/^text\/plain/);
    expect(request?.headers).not.toHaveProperty("accept-encoding");
    expect(new TextDecoder().decode(request?.body)).toBe(chatBody("hello"));
  });

  it("keeps status, headers and an empty body of the answer", async () => {
    const scope = testScope({
      handle: async () =>
        new Response(null, {
          status: 429,
          statusText: "Slow down",
          headers: { "retry-after": "3", "x-a": "é" },
        }),
    });
    const response = await runInRollout(scope, () => fetch(kUrl, { method: "POST", body: "{}" }));
    expect(response.status).toBe(429);
    expect(response.statusText).toBe("Slow down");
    expect(response.headers.get("retry-after")).toBe("3");
    expect(response.headers.get("x-a")).toBe("é");
    expect(await response.text()).toBe("");
  });

  it("is answered for a client that captured fetch before the first rollout", async () => {
    expect(await runInRollout(echo(), () => ask("captured", capturedFetch))).toBe("captured");
  });

  it.each([
    ["bytes", () => new TextEncoder().encode(chatBody("body"))],
    ["an ArrayBuffer", () => new TextEncoder().encode(chatBody("body")).buffer],
    ["a Blob", () => new Blob([chatBody("body")])],
    ["a stream", () => new Blob([chatBody("body")]).stream()],
  ])("takes a body of %s", async (_what, make) => {
    const scope = echo();
    const init = { method: "POST", body: make(), duplex: "half" } as RequestInit;
    const response = await runInRollout(scope, () => fetch(new Request(kUrl, init)));
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "body" } }] });
  });

  it("routes by host and by the model in the body, and only POSTs to paths of model calls", async () => {
    const asked: unknown[] = [];
    const scope = testScope({
      route: (host, model) => {
        asked.push([host, model]);
        return "ignore";
      },
    });
    reached = [];
    await runInRollout(scope, async () => {
      await ask2(`${origin}/v1/chat/completions`, { method: "POST", body: chatBody("x") });
      await ask2(`${origin}/v1/responses?key=1`, { method: "POST", body: "no json" });
      await ask2(`${origin}/deployments/dep/chat/completions`, { method: "POST", body: null });
      await ask2(`${origin}/v1/embeddings`, { method: "POST", body: chatBody("x") });
      await ask2(`${origin}/v1/responses`, { method: "GET" });
    });
    const host = new URL(origin).host;
    // A call that goes on may be asked of again.
    expect([...new Set(asked.map((each) => JSON.stringify(each)))].map((each) => JSON.parse(each))).toEqual([
      [host, "gpt-x"],
      [host, null],
      [host, "dep"],
    ]);
    expect(reached.map(({ body }) => body)).toEqual([chatBody("x"), "no json", "", chatBody("x"), ""]);
  });

  it("is not served inside unrouted, where the real provider answers", async () => {
    const scope = echo();
    reached = [];
    const answers = await runInRollout(scope, async () => [
      await ask("policy"),
      await unrouted(() => ask3(`${origin}/v1/chat/completions`)),
      await ask("policy again"),
    ]);
    expect(answers).toEqual(["policy", "from the server", "policy again"]);
    expect(scope.requests.length).toBe(2);
    expect(reached).toEqual([{ url: "/v1/chat/completions", body: chatBody("real") }]);
  });

  it("of the handler itself passes, so that a handler may ask a provider", async () => {
    const scope: TestScope = testScope({ handle: async () => ask4(`${origin}/v1/chat/completions`) });
    expect(await runInRollout(scope, () => ask("x"))).toBe("from the server");
    expect(scope.requests.length).toBe(1);
  });

  it("lets a client's callbacks make routed calls, whatever the answer ran in", async () => {
    const key = kSlots.find(
      (slot) => (globalThis as unknown as Record<symbol, unknown>)[slot] !== undefined,
    )!;
    const scope = echo();
    const answer = await runInRollout(scope, () => {
      const global = (globalThis as unknown as Record<symbol, Dispatcher>)[key]!;
      const request = { origin: "https://api.openai.com", path: "/v1/chat/completions", method: "POST" };
      return new Promise((resolve, reject) => {
        global.dispatch(
          { ...request, body: chatBody("first") },
          {
            onConnect: () => undefined,
            onHeaders: () => true,
            onData: () => true,
            onComplete: () => void ask("from a callback").then(resolve, reject),
            onError: reject,
          },
        );
      });
    });
    expect(answer).toBe("from a callback");
    expect(scope.requests.map(lastMessage)).toEqual(["first", "from a callback"]);
  });

  it("runs the handler inside the rollout, below the span that encloses the call", async () => {
    const scope: TestScope = testScope({
      handle: async () => {
        recordSpan(draftSpan({ name: "call", attributes: { rollout: currentScope()!.rolloutId } })!);
        return completion("x");
      },
    });
    await runInRollout(scope, () => asAgent("planner", () => ask("x")));
    const [call, planner] = scope.spans;
    expect(call?.attributes).toEqual({ rollout: scope.rolloutId });
    expect(call?.parentId).toBe(planner?.spanId);
  });
});

const ask2 = (url: string, init: RequestInit) => fetch(url, init).then((response) => response.text());
const ask3 = async (url: string) => {
  const response = await fetch(url, { method: "POST", body: chatBody("real") });
  return ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]!.message
    .content;
};
const ask4 = async (url: string) =>
  Response.json(await (await fetch(url, { method: "POST", body: chatBody("real") })).json());

describe("200 concurrent rollouts", () => {
  const client = () => new OpenAI({ apiKey: "none", maxRetries: 0, baseURL: "https://api.openai.com/v1" });

  it.each([
    ["fetch", (text: string) => ask(text)],
    [
      "openai",
      async (text: string) => {
        const messages = [{ role: "user" as const, content: text }];
        const answer = await client().chat.completions.create({ model: "gpt-x", messages });
        return answer.choices[0]!.message.content!;
      },
    ],
    [
      "openai, streaming,",
      async (text: string) => {
        const messages = [{ role: "user" as const, content: text }];
        const stream = await client().chat.completions.create({ model: "gpt-x", messages, stream: true });
        let content = "";
        for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? "";
        return content;
      },
    ],
  ])("through %s each get their own answers and spans", async (_name, call) => {
    const scopes: TestScope[] = Array.from({ length: 200 }, (_, n) =>
      testScope({
        handle: async (request) => {
          await sleep(Math.random() * 20);
          const text = `${scopes[n]!.rolloutId} ${lastMessage(request)}`;
          const isStreamed = new TextDecoder().decode(request.body).includes('"stream":true');
          return isStreamed ? streamedCompletion(text.split(/(?<= )/)) : completion(text);
        },
      }),
    );
    await Promise.all(
      scopes.map((scope, n) =>
        runInRollout(scope, async () => {
          await sleep(Math.random() * 20);
          expect(await call(`first ${n}`)).toBe(`${scope.rolloutId} first ${n}`);
          expect(rollout()?.rolloutId).toBe(scope.rolloutId);
          expect(await call(`second ${n}`)).toBe(`${scope.rolloutId} second ${n}`);
          emitReward(n);
        }),
      ),
    );
    for (const [n, scope] of scopes.entries()) {
      expect(scope.requests.map(lastMessage)).toEqual([`first ${n}`, `second ${n}`]);
      expect(scope.spans.map(({ attributes }) => attributes["agentlightning.reward.0.value"])).toEqual([n]);
    }
    expect(new Set(scopes.map(({ spans }) => spans[0]!.traceId)).size).toBe(200);
  });
});

describe("a streamed answer", () => {
  it("arrives piece by piece, each before the next is made", async () => {
    const order: string[] = [];
    async function* pieces() {
      for (const piece of ["a", "b", "c"]) {
        order.push(`made ${piece}`);
        yield piece;
        await sleep(20);
      }
    }
    const scope = testScope({ handle: async () => streamedCompletion(pieces()) });
    await runInRollout(scope, async () => {
      const response = await fetch(kUrl, { method: "POST", body: chatBody("x") });
      for await (const chunk of response.body!) {
        const content = /"content":"(\w)"/.exec(new TextDecoder().decode(chunk))?.[1];
        if (content !== undefined) order.push(`got ${content}`);
      }
    });
    expect(order).toEqual(["made a", "got a", "made b", "got b", "made c", "got c"]);
  });

  it("is made no faster than the client reads, and is whole in the end", async () => {
    const piece = new Uint8Array(64 * 1024).fill(7);
    let made = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (made++ < 200) controller.enqueue(piece.slice());
        else controller.close();
      },
    });
    const scope = testScope({ handle: async () => new Response(body) });
    await runInRollout(scope, async () => {
      const response = await fetch(kUrl, { method: "POST", body: "{}" });
      const reader = response.body!.getReader();
      await reader.read();
      await sleep(50);
      expect(made).toBeLessThan(20);
      let bytes = piece.length;
      for (let next = await reader.read(); !next.done; next = await reader.read()) bytes += next.value.length;
      expect(bytes).toBe(200 * piece.length);
    });
  });

  it.each(["while it streams", "before it is answered"])(
    "stops its handler when the client aborts %s, and the client sees its own reason",
    async (when) => {
      const signals: AbortSignal[] = [];
      let isCancelled = false;
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new Uint8Array(8)),
        cancel: () => {
          isCancelled = true;
        },
      });
      const scope = testScope({
        handle: async (request) => {
          signals.push(request.signal);
          if (when === "before it is answered") await sleep(30);
          return new Response(body);
        },
      });
      const aborter = new AbortController();
      await runInRollout(scope, async () => {
        const pending = fetch(kUrl, { method: "POST", body: "{}", signal: aborter.signal });
        setTimeout(() => aborter.abort(new RangeError("enough")), 10);
        await expect(pending.then((response) => response.text())).rejects.toThrow("enough");
        await sleep(40);
      });
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(isCancelled).toBe(true);
    },
  );

  it("fails at the client when its body fails", async () => {
    async function* pieces() {
      yield "a";
      throw new RangeError("engine broke");
    }
    const scope = testScope({ handle: async () => streamedCompletion(pieces()) });
    await runInRollout(scope, async () => {
      const response = await fetch(kUrl, { method: "POST", body: "{}" });
      await expect(response.text()).rejects.toMatchObject({ cause: { message: "engine broke" } });
    });
  });

  it("fails at the client when the handler throws or compresses", async () => {
    const broken = testScope({ handle: async () => Promise.reject(new RangeError("no policy")) });
    await expect(runInRollout(broken, () => ask("x"))).rejects.toMatchObject({
      cause: { message: "no policy" },
    });
    const zipped = testScope({
      handle: async () => new Response("x", { headers: { "content-encoding": "gzip" } }),
    });
    await expect(runInRollout(zipped, () => ask("x"))).rejects.toMatchObject({
      cause: { code: "E_INTERNAL" },
    });
  });
});

describe("after the abort of a rollout", () => {
  it("pending model calls reject with its reason, later ones are told that it is over, and later emits are dropped and told", async () => {
    const signals: AbortSignal[] = [];
    const scope = testScope({
      handle: (request) => {
        signals.push(request.signal);
        return new Promise(() => undefined);
      },
    });
    const deadline = new RangeError("deadline");
    await runInRollout(scope, async () => {
      emitMessage("in time");
      const pending = ask("x");
      await sleep(10);
      scope.controller.abort(deadline);
      await expect(pending).rejects.toMatchObject({ cause: deadline });
      const later = await fetch(kUrl, { method: "POST", body: chatBody("y") });
      expect([later.status, later.headers.get("x-should-retry")]).toEqual([400, "false"]);
      expect(await later.json()).toMatchObject({
        error: { code: "rollout_over", message: expect.stringContaining("deadline") },
      });
      emitMessage("late");
      emitReward(1);
      expect(await unrouted(() => ask3(`${origin}/v1/chat/completions`))).toBe("from the server");
    });
    expect(scope.requests.length).toBe(1);
    expect(signals[0]!.reason).toBe(deadline);
    expect(scope.spans.length).toBe(1);
    expect(scope.dropped.map(({ name }) => name)).toEqual([
      "agentlightning.message",
      "agentlightning.annotation",
    ]);
  });

  it("and after its end, what its agent left running gets no model and leaves no span", async () => {
    const scope = echo();
    let late: Promise<unknown> = Promise.resolve();
    const release = installInterception();
    await runInRollout(scope, async () => {
      late = sleep(10).then(() => {
        emitMessage("late");
        return fetch(kUrl, { method: "POST", body: chatBody("late") });
      });
    });
    const answer = (await late) as Response;
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(await answer.json()).toMatchObject({
      error: { type: "invalid_request_error", param: null, code: "rollout_over" },
    });
    release();
    expect([scope.spans.length, scope.dropped.length, scope.requests.length]).toEqual([0, 1, 0]);
  });
});

describe("the global dispatcher", () => {
  it("is wrapped from the first rollout to the end of the last, and then the very object it was", async () => {
    new Headers();
    const before = slots();
    const started = [runInRollout(echo(), () => sleep(10)), runInRollout(echo(), () => sleep(40))];
    const during = slots();
    await started[0];
    expect(slots()).toEqual(during);
    await started[1];
    for (const n of [0, 1]) {
      expect(slots()[n]).toBe(before[n]);
      if (before[n] !== undefined) expect(during[n]).not.toBe(before[n]);
    }
  });

  it("is the original again after a rollout that throws", async () => {
    const before = slots();
    await expect(
      runInRollout(echo(), () => {
        throw new RangeError("agent");
      }),
    ).rejects.toThrow("agent");
    expect(slots().every((slot, n) => slot === before[n])).toBe(true);
  });

  it("that someone sets during a rollout is wrapped by the next call, and theirs again afterwards", async () => {
    type Slots = Record<symbol, { dispatch(...values: unknown[]): unknown }>;
    const globals = globalThis as unknown as Slots;
    const keys = kSlots.filter((slot) => globals[slot] !== undefined);
    const originals = keys.map((key) => globals[key]!);
    let dispatched = 0;
    const theirs = originals.map((original) => ({
      dispatch: (...values: unknown[]) => {
        dispatched++;
        return original.dispatch(...values);
      },
    }));
    const set = (dispatchers: Slots[symbol][]) => {
      for (const [n, key] of keys.entries()) globals[key] = dispatchers[n]!;
    };
    const areTheirs = () => keys.every((key, n) => globals[key] === theirs[n]);
    try {
      await runInRollout(echo(), async () => {
        set(theirs);
        expect(await ask("served")).toBe("served");
        expect(await runInRollout(echo(), () => ask("inner"))).toBe("inner");
        expect(dispatched).toBe(0);
        expect(await unrouted(() => ask3(`${origin}/v1/chat/completions`))).toBe("from the server");
        expect(dispatched).toBe(1);
      });
      expect(areTheirs()).toBe(true);
      expect(await runInRollout(echo(), () => ask("later"))).toBe("later");
      expect(areTheirs()).toBe(true);
    } finally {
      set(originals);
    }
  });

  it("passes calls outside any rollout untouched while rollouts run", async () => {
    reached = [];
    const running = runInRollout(echo(), () => sleep(50));
    expect(await ask3(`${origin}/v1/chat/completions`)).toBe("from the server");
    expect(reached.length).toBe(1);
    await running;
  });
});

describe("the public context", () => {
  it("is what the agent may see, and nothing outside", async () => {
    const scope = echo();
    const seen = await runInRollout(scope, () => rollout());
    const { rolloutId, attemptId, mode, signal, resources } = scope;
    const endpoint = toEndpoint(rolloutId, attemptId);
    expect(seen).toEqual({ rolloutId, attemptId, mode, signal, resources, endpoint });
    expect(rollout()).toBe(undefined);
    expect(unrouted(() => 5)).toBe(5);
  });

  it("is shared by two copies of the package", async () => {
    const { vi } = await import("vitest");
    vi.resetModules();
    const other = await import("../../src/tracing/context.js");
    const copy = await import("../../src/tracing/run-in-rollout.js");
    expect(other.rollout).not.toBe(rollout);
    const before = slots();
    const scope = echo();
    await runInRollout(scope, async () => {
      expect(other.rollout()?.rolloutId).toBe(scope.rolloutId);
      const inner = echo();
      expect(await copy.runInRollout(inner, () => ask("inner"))).toBe("inner");
      expect([inner.requests.length, scope.requests.length]).toEqual([1, 0]);
    });
    expect(slots().every((slot, n) => slot === before[n])).toBe(true);
  });
});
