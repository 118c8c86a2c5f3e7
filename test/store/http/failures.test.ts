// What the HTTP client does when the server or the way to it fails: repeats what may be repeated, nothing else, and says so in time.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { LightningError } from "../../../src/base/error.js";
import { serve } from "../../../src/server/store-api/serve.js";
import { openHttpStore } from "../../../src/store/http/open-http-store.js";
import { toSpan } from "../../../src/store/laws/law.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { runInRollout } from "../../../src/tracing/run-in-rollout.js";
import { testScope } from "../../tracing/test-scope.js";

/** Decides about a request before the store sees it; true: it was dealt with. */
type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;
interface Faulty {
  readonly store: LightningStore;
  readonly client: LightningStore;
  /** Paths that arrived, in order. */
  readonly paths: string[];
  fault: Fault;
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const errorOf = (promise: Promise<unknown>): Promise<LightningError> =>
  promise.then(
    () => {
      throw new Error("expected a rejection");
    },
    (error: LightningError) => error,
  );

/** A store server behind one that can fail for it. */
async function openFaulty(timeoutMs = 3000): Promise<Faulty> {
  const store = createMemoryStore();
  const inner = await serve({ store, port: 0 });
  const paths: string[] = [];
  const state: { fault: Fault } = { fault: () => false };
  const front = createServer(async (request, response) => {
    const path = request.url ?? "";
    paths.push(path);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (state.fault(request, response)) return;
    const { method = "GET" } = request;
    const body = method === "GET" ? undefined : Buffer.concat(chunks);
    const answer = await fetch(`${inner.url}${path}`, { method, body });
    if (lost.delete(path)) return void request.socket.destroy();
    const code = answer.headers.get("x-agl-error");
    response.writeHead(answer.status, code === null ? {} : { "x-agl-error": code });
    response.end(await answer.text());
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const { port } = front.address() as AddressInfo;
  const client = await openHttpStore(`http://127.0.0.1:${port}`, { timeoutMs });
  closers.push(async () => {
    await client.close();
    front.closeAllConnections();
    front.close();
    await inner.close();
    await store.close();
  });
  paths.length = 0;
  return Object.assign(state, { store, client, paths });
}
/** Paths whose next answer never arrives, although the request was processed. */
const lost = new Set<string>();

const once503: () => Fault = () => {
  let isFirst = true;
  return (_request, response) => {
    if (!isFirst) return false;
    isFirst = false;
    response.writeHead(503).end('{"detail":"later"}');
    return true;
  };
};

describe("the HTTP store", () => {
  it("repeats reads and what may be done twice, after a lost connection, a 503 and a lost answer", async () => {
    const faulty = await openFaulty();
    const { client, store } = faulty;
    const claimed = await store.startRollout({ input: 1 });
    const { rolloutId } = claimed;
    const calls: (() => Promise<unknown>)[] = [
      () => client.getRollout(rolloutId),
      () => client.queryRollouts(),
      () => client.addSpans([toSpan(claimed, 1)]),
      () => client.heartbeat("w"),
      () => client.updateAttempt(rolloutId, "latest", { status: "succeeded" }),
      () => client.waitForRollouts([rolloutId], { timeoutMs: 1000 }),
    ];
    for (const call of calls) {
      faulty.fault = once503();
      await call();
      faulty.fault = cutOnce();
      await call();
    }
    expect((await store.querySpans(rolloutId)).total).toBe(1);
  });

  it("never sends twice what may have been done: the queue loses or doubles nothing it does not tell", async () => {
    const faulty = await openFaulty();
    const { client, store, paths } = faulty;
    const calls: [string, () => Promise<unknown>][] = [
      ["/v1/agl/queues/rollouts/enqueue", () => client.enqueue([{ input: 1 }])],
      ["/v1/agl/queues/rollouts/dequeue", () => client.claim("w")],
      ["/v1/agl/rollouts", () => client.startRollout({ input: 2 })],
      ["/v1/agl/resources", () => client.addResources({})],
    ];
    for (const [path, call] of calls) {
      lost.add(path);
      const error = await errorOf(call());
      expect([path, error.code]).toEqual([path, "E_STORE"]);
      expect(error.message).toContain("not known whether it was done");
      expect(paths.filter((arrived) => arrived === path)).toHaveLength(1);
    }
    const { rollouts, attempts } = await store.statistics();
    expect([rollouts, attempts]).toEqual([2, 2]);
    faulty.fault = once503();
    expect((await errorOf(client.enqueue([{ input: 1 }]))).code).toBe("E_STORE");
  });

  it("sends again whatever was turned away unprocessed: 429", async () => {
    const faulty = await openFaulty();
    let turns = 0;
    faulty.fault = (_request, response) => {
      if (turns++ >= 2) return false;
      response.writeHead(429).end("{}");
      return true;
    };
    await faulty.client.enqueue([{ input: 1 }]);
    expect((await faulty.store.statistics()).rollouts).toBe(1);
    expect(turns).toBe(3);
  });

  it("does not take another's 503 for one of a server that did nothing", async () => {
    const faulty = await openFaulty();
    let turns = 0;
    faulty.fault = (_request, response) => {
      turns++;
      response.writeHead(503, { "retry-after": "0" }).end("{}");
      return true;
    };
    expect((await errorOf(faulty.client.enqueue([{ input: 1 }]))).code).toBe("E_STORE");
    expect(turns).toBe(1);
  });

  it("gets over a server that stops and starts again, for calls of any kind that find no server", async () => {
    const store = createMemoryStore();
    const first = await serve({ store, port: 0 });
    const client = await openHttpStore(first.url, { timeoutMs: 5000 });
    closers.push(() => client.close());
    const [rollout] = await client.enqueue([{ input: 1 }]);
    const wait = client.waitForRollouts([rollout!.rolloutId], { timeoutMs: 5000 });
    await pause(50);
    await first.close();
    // The client has heard of it.
    await pause(50);
    const calls = [
      client.enqueue([{ input: 2 }]),
      client.getRollout(rollout!.rolloutId),
      client.statistics(),
    ];
    await pause(200);
    const second = await serve({ store, port: first.port });
    closers.push(() => second.close());
    await Promise.all(calls);
    await client.cancel(rollout!.rolloutId);
    expect((await wait).map(({ status }) => status)).toEqual(["cancelled"]);
    expect((await store.statistics()).rollouts).toBe(2);
  });

  it("gives up with E_STORE at its deadline, whether nobody listens or nobody answers", async () => {
    const faulty = await openFaulty(300);
    faulty.fault = () => true;
    const begin = performance.now();
    const error = await errorOf(faulty.client.getRollout("ro-1"));
    expect(error.code).toBe("E_STORE");
    expect(performance.now() - begin).toBeLessThan(2000);
    const closed = await serve({ store: createMemoryStore(), port: 0 });
    await closed.close();
    const nobody = await errorOf(openHttpStore(closed.url, { timeoutMs: 300 }));
    expect([nobody.code, nobody.message]).toEqual(["E_STORE", expect.stringContaining("ECONNREFUSED")]);
  });

  it("ends what waits on its own close, and lets what is being written finish", async () => {
    const { client, store } = await openFaulty();
    const claimed = await store.startRollout({ input: 1 });
    const wait = errorOf(client.claim("w", 1, {}));
    await pause(30);
    const spans = client.addSpans([toSpan(claimed, 1)]);
    await pause(0);
    await client.close();
    expect((await wait).code).toBe("E_CLOSED");
    expect((await spans).length).toBe(1);
  });

  it("rejects a waiting claim with its signal's reason, and leaves the queue alone", async () => {
    await using server = await serve({ store: createMemoryStore(), port: 0 });
    const client = await openHttpStore(server.url);
    closers.push(() => client.close());
    const controller = new AbortController();
    const claim = client.claim("w", 1, { signal: controller.signal });
    const failed = claim.catch((error: unknown) => error);
    await pause(50);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    await pause(50);
    await client.enqueue([{ input: 1 }]);
    await pause(50);
    expect(await client.claim("w")).toHaveLength(1);
  });

  it("says what is wrong with a key, an address or an answer", async () => {
    await using server = await serve({ store: createMemoryStore(), port: 0, key: "secret" });
    expect((await errorOf(openHttpStore(server.url))).message).toContain("Invalid or missing API key");
    expect((await errorOf(openHttpStore(server.url, { key: "wrong" }))).code).toBe("E_ARGUMENT");
    const address = server.url.replace("://", "://:secret@");
    for (const url of [address, `${address}/`, `${address}/v1/agl`]) await (await openHttpStore(url)).close();
    for (const url of ["ftp://h", "127.0.0.1:4747", "http://"])
      expect((await errorOf(openHttpStore(url))).code).toBe("E_ARGUMENT");
    const page = createServer((_request, response) => response.end("<html>")).listen(0, "127.0.0.1");
    await once(page, "listening");
    const elsewhere = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const error = await errorOf(openHttpStore(elsewhere, { timeoutMs: 500 }));
    expect([error.code, error.message]).toEqual(["E_STORE", expect.stringContaining("<html>")]);
    page.closeAllConnections();
    page.close();
  });

  it("sends spans that come together in few requests, and one wrong call among them fails alone", async () => {
    const { client, store, paths } = await openFaulty();
    const claimed = await store.startRollout({ input: 1 });
    const spans = Array.from({ length: 200 }, (_, i) => toSpan(claimed, i + 1));
    const stray = { ...toSpan(claimed, 201), rolloutId: "ro-none" };
    const misplaced = { ...toSpan(claimed, 202), sequenceId: 0.5 };
    const answers = await Promise.all([
      ...spans.map((span) => client.addSpans([span])),
      errorOf(client.addSpans([stray])),
    ]);
    expect(paths.length).toBeLessThan(10);
    expect(answers.slice(0, 200)).toEqual(spans.map((span) => [span]));
    expect((answers[200] as LightningError).code).toBe("E_NOT_FOUND");
    const [again, error] = await Promise.all([
      client.addSpans([spans[0]!]),
      errorOf(client.addSpans([misplaced])),
    ]);
    expect([again, error.code]).toEqual([[null], "E_ARGUMENT"]);
    expect((await store.querySpans(claimed.rolloutId)).total).toBe(200);
  });

  it("refuses ids that an address cannot carry or means something else by", async () => {
    const { client, paths } = await openFaulty();
    const calls = [
      ...["", ".", "..", "\ud800", "a\udc00b"].map((id) => client.getRollout(id)),
      client.heartbeat("search"),
      client.updateResources("latest", {}),
      client.getResources("latest"),
    ];
    for (const call of calls) expect((await errorOf(call)).code).toBe("E_ARGUMENT");
    expect(paths).toEqual([]);
    for (const id of ["a/b", "ä ?#%", "a".repeat(1000), "%2e%2e"])
      expect((await client.heartbeat(id)).workerId).toBe(id);
  });

  it("is no model call to the tracing of a rollout, whatever its address", async () => {
    const { client } = await openFaulty();
    const scope = testScope();
    const worker = await runInRollout(scope, () => client.heartbeat("responses"));
    expect(worker.workerId).toBe("responses");
    expect(scope.requests).toEqual([]);
  });
});

// --- internal ---

/** The connection breaks before the store has seen the request. */
function cutOnce(): Fault {
  let isFirst = true;
  return (request) => {
    if (!isFirst) return false;
    isFirst = false;
    request.socket.destroy();
    return true;
  };
}
