import { createServer, request, type Server } from "node:http";
import http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unrouted } from "../../src/tracing/context.js";
import type { Dispatcher } from "../../src/tracing/dispatcher.js";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import type { CallNote } from "../../src/types/model-call.js";
import { completion, streamedCompletion, testScope } from "./test-scope.js";

// A host is reported once a process: each test has a server, and so a host, of its own.
let server: Server;
let port: number;
const warnings: NodeJS.ErrnoException[] = [];
const listen = (warning: Error) => void warnings.push(warning);

beforeEach(async () => {
  server = createServer((_request, response) => void response.end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  warnings.length = 0;
  process.on("warning", listen);
});
afterEach(() => {
  process.off("warning", listen);
  server.closeAllConnections();
  server.close();
});

const post = (path: string, method = "POST", headers = {}) =>
  new Promise<void>((resolve, reject) => {
    const createConnection = () => connect(port, "127.0.0.1");
    const call = request({ port, host: "127.0.0.1", path, method, headers, createConnection }, (response) => {
      response.resume().on("end", resolve);
    });
    call.on("error", reject);
    call.end("{}");
  });

// Warnings are emitted on the next tick.
const reported = async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return warnings.filter(({ code }) => code === "AGL_UNSEEN_CALL");
};

describe("a model call through node:http without an agent inside a rollout", () => {
  it("is reported once, with host and remedy but no query", async () => {
    await runInRollout(testScope(), async () => {
      await post("/v1/chat/completions?key=secret");
      await post("/v1/chat/completions");
    });
    await runInRollout(testScope(), () => post("/v1/chat/completions"));
    const [warning, ...others] = await reported();
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ name: "AgentLightningWarning", code: "AGL_UNSEEN_CALL" });
    expect(warning?.message).toContain(`127.0.0.1:${port}/v1/chat/completions through node:http`);
    expect(warning?.message).not.toContain("secret");
    expect(warning?.message).toContain("agl.unrouted");
  });

  it("is told to the rollout that it names, wherever it is made", async () => {
    const notes: CallNote[] = [];
    const scope = testScope({ note: (call) => void notes.push(call) });
    let end: () => void = () => undefined;
    const running = runInRollout(scope, () => new Promise<void>((resolve) => (end = resolve)));
    const { rolloutId, attemptId } = scope;
    await post(`/rollout/${rolloutId}/attempt/${attemptId}/v1/chat/completions`);
    await runInRollout(testScope(), () =>
      post("/v1/chat/completions", "POST", { "X-Agl-Rollout": `${rolloutId}/${attemptId}` }),
    );
    end();
    await running;
    const place = `127.0.0.1:${port}/v1/chat/completions through node:http`;
    expect(notes).toEqual([1, 2].map(() => ({ kind: "unseen", place, by: "name" })));
  });

  it("is not reported outside a rollout, inside unrouted, or on other hosts and paths", async () => {
    await runInRollout(testScope(), async () => {
      await unrouted(() => post("/v1/chat/completions"));
      await post("/v1/embeddings");
      await post("/v1/messages/count_tokens");
      await post("/v1/chat/completions", "PUT");
    });
    await runInRollout(testScope({ route: () => "ignore" }), () => post("/v1/chat/completions"));
    await post("/v1/chat/completions");
    expect(await reported()).toEqual([]);
  });
});

const hasHttp2Channel = Number(process.versions.node.split(".")[0]) >= 24;
describe.skipIf(!hasHttp2Channel)("a model call through node:http2 (Node 24 and newer tell of it)", () => {
  it("is reported once", async () => {
    const h2 = http2.createServer((_request, response) => void response.end("{}"));
    await new Promise<void>((resolve) => h2.listen(0, "127.0.0.1", resolve));
    const { port: h2Port } = h2.address() as AddressInfo;
    const notes: string[] = [];
    const scope = testScope({ note: ({ place }) => void notes.push(place) });
    const session = http2.connect(`http://127.0.0.1:${h2Port}`);
    await runInRollout(scope, async () => {
      for (const path of ["/v1/messages", "/v1/messages", "/v1/models"]) {
        const stream = session.request({ ":path": path, ":method": "POST" });
        await new Promise<unknown>((resolve) => stream.resume().on("end", resolve).end("{}"));
      }
    });
    session.close();
    h2.close();
    expect(notes).toEqual(
      Array.from({ length: 2 }, () => `127.0.0.1:${h2Port}/v1/messages through node:http2`),
    );
    expect((await reported()).length).toBe(1);
  });
});

describe("a model call through fetch inside a rollout", () => {
  const text = async (changes: object = {}) => {
    const init = { method: "POST", body: "{}", ...changes };
    return (await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, init)).text();
  };

  it("is not reported, whether served, forwarded or unrouted", async () => {
    await runInRollout(testScope({ handle: async () => completion("x") }), () => text());
    await runInRollout(testScope({ route: () => "forward" }), () => text());
    await runInRollout(testScope(), () => unrouted(text));
    expect(await reported()).toEqual([]);
  });
});

/** A dispatcher like the global one, that nobody has seen before. */
function newDispatcher(): Dispatcher {
  new Headers();
  // The newest generation's; while nothing is wrapped.
  const slot = kSlots.findLast((key) => globals[key] !== undefined)!;
  const Kind = Object.getPrototypeOf(globals[slot]).constructor as new () => Dispatcher;
  return new Kind();
}
const globals = globalThis as unknown as Record<symbol, Dispatcher | undefined>;
const kSlots = [1, 2].map((n) => Symbol.for(`undici.globalDispatcher.${n}`));
const capturedFetch = globalThis.fetch;
const init = (more: object = {}) => ({
  method: "POST",
  body: "{}",
  headers: { authorization: "Bearer key" },
  ...more,
});
/** As undici sets it: under the newest generation's name. */
const withGlobal = (dispatcher: Dispatcher, fn: typeof fetch, url: string) => {
  globals[kSlots.findLast((key) => globals[key] !== undefined)!] = dispatcher;
  return fn(url, init());
};

const escapes: readonly (readonly [string, (url: string, own: Dispatcher) => Promise<Response>])[] = [
  ["fetch, with a global dispatcher set meanwhile", (url, own) => withGlobal(own, fetch, url)],
  [
    "a captured fetch, with a global dispatcher set meanwhile",
    (url, own) => withGlobal(own, capturedFetch, url),
  ],
  [
    "a captured fetch, with a global dispatcher of another kind",
    (url, own) => withGlobal({ dispatch: (o, h) => own.dispatch(o, h) }, capturedFetch, url),
  ],
  ["fetch, with a dispatcher brought along", (url, own) => fetch(url, init({ dispatcher: own }))],
  [
    "a captured fetch, with a dispatcher brought along",
    (url, own) => capturedFetch(url, init({ dispatcher: own })),
  ],
  [
    "fetch of a Request that has a dispatcher",
    (url, own) => fetch(new Request(url, init({ dispatcher: own }))),
  ],
  [
    "a captured fetch of bytes",
    (url, own) => capturedFetch(url, init({ dispatcher: own, body: new Uint8Array([123, 125]) })),
  ],
  [
    "openai with fetchOptions",
    (_url, own) => {
      const fetchOptions = { dispatcher: own } as object;
      const client = new OpenAI({ apiKey: "key", maxRetries: 0, fetchOptions, fetch: capturedFetch });
      return client.chat.completions
        .create({ model: "m", messages: [{ role: "user", content: "x" }] })
        .asResponse();
    },
  ],
];

describe("a model call that goes through a dispatcher which nobody has wrapped", () => {
  const before = () => kSlots.map((key) => globals[key]);
  it.each(escapes)("is served: %s", async (_how, call) => {
    let reached = 0;
    server.on("request", () => (reached += 1));
    const slots = before();
    const own = newDispatcher();
    const scope = testScope({ handle: async () => completion("from the policy") });
    try {
      const text = await runInRollout(scope, async () => {
        const response = await call(`http://127.0.0.1:${port}/v1/chat/completions`, own);
        // The next one finds the way that the first has shown.
        await (await call(`http://127.0.0.1:${port}/v1/chat/completions`, own)).text();
        return await response.text();
      });
      expect(text).toContain("from the policy");
    } finally {
      for (const [n, key] of kSlots.entries()) if (slots[n] !== undefined) globals[key] = slots[n];
    }
    expect([scope.requests.length, reached]).toEqual([2, 0]);
    expect(new TextDecoder().decode(scope.requests[0]?.body)).toMatch(/^\{/);
    expect(await reported()).toEqual([]);
  });

  it("is streamed, and told of the rollout's end, as any other", async () => {
    const own = newDispatcher();
    const scope = testScope({ handle: async () => streamedCompletion(["a", "b"]) });
    await runInRollout(scope, async () => {
      const url = "https://api.openai.com/v1/chat/completions";
      const streamed = await (await capturedFetch(url, init({ dispatcher: own }))).text();
      expect(streamed.match(/"content":"[ab]"/g)).toEqual(['"content":"a"', '"content":"b"']);
      scope.controller.abort(new RangeError("deadline"));
      const late = await capturedFetch(url, init({ dispatcher: own }));
      expect(await late.json()).toMatchObject({ error: { code: "rollout_over" } });
    });
  });

  it("passes when it is forwarded, ignored or unrouted, or nobody's, and those that cannot be recorded are reported", async () => {
    const own = newDispatcher();
    const call = async () =>
      (await capturedFetch(`http://127.0.0.1:${port}/v1/chat/completions`, init({ dispatcher: own }))).text();
    const scope = testScope();
    await runInRollout(scope, () => unrouted(call));
    await runInRollout(testScope({ route: () => "ignore" }), call);
    expect(await call()).toBe("{}");
    expect(await reported()).toEqual([]);
    expect(await runInRollout(testScope({ route: () => "forward" }), call)).toBe("{}");
    expect(scope.requests).toEqual([]);
    expect((await reported()).map(({ message }) => message)).toEqual([
      expect.stringContaining(`127.0.0.1:${port}/v1/chat/completions through a dispatcher of its own`),
    ]);
  });
});

describe("a request that looks like a model call and goes to a host that is not routed", () => {
  it("is warned of once, with the line to add, and is told to its rollout each time", async () => {
    const notes: unknown[] = [];
    const unknown = (places: string[]) =>
      testScope({
        route: () => "unknown-host",
        note: ({ kind, place }) => {
          notes.push(kind);
          places.push(place);
        },
      });
    const places: string[] = [];
    const paths = ["/v1/chat/completions?key=secret", "/v1/responses", "/v1/messages", "/model/m/converse"];
    await runInRollout(unknown(places), async () => {
      for (const path of paths) await (await fetch(`http://127.0.0.1:${port}${path}`, init())).text();
      await (await fetch(`http://127.0.0.1:${port}/v1/embeddings`, init())).text();
      await (await fetch(`http://127.0.0.1:${port}/api/chat`, init())).text();
      await (await fetch(`http://127.0.0.1:${port}/api/chat`, init({ body: '{"model": "m"}' }))).text();
      await unrouted(async () => (await fetch(`http://127.0.0.1:${port}/v1/messages`, init())).text());
    });
    const [warning] = await reported();
    await runInRollout(unknown(places), () => post("/v1/chat/completions"));
    expect(await reported()).toHaveLength(1);
    expect(warning?.message).toContain(`routes: { hosts: ["127.0.0.1:${port}"] }`);
    expect(warning?.message).toContain("agl.unrouted");
    expect(warning?.message).not.toContain("secret");
    expect(notes).toEqual(Array.from({ length: 6 }, () => "unknown-host"));
    expect(places.at(4)).toBe(`127.0.0.1:${port}/api/chat`);
  });
});
