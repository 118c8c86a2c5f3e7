// Back-pressure: what a server refuses when it has too much to do at once, what counts, and that our client comes back.
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { type StoreServer, serve } from "../../../src/server/store-api/serve.js";
import { openHttpStore } from "../../../src/store/http/open-http-store.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

const enqueue = (server: StoreServer) =>
  fetch(`${server.url}/v1/agl/queues/rollouts/enqueue`, {
    method: "POST",
    body: JSON.stringify({ rollouts: [{ input: 1 }] }),
  });
const metrics = async (server: StoreServer) => (await fetch(`${server.url}/metrics`)).text();

/** A store, and a request to a server of it that is worked on until it is released. */
function busyStore() {
  const store = createMemoryStore();
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.getLatestResources = async () => {
    await released;
    return null;
  };
  const hold = async (server: StoreServer) => {
    void fetch(`${server.url}/v1/agl/resources/latest`);
    await vi.waitFor(async () => expect(await metrics(server)).toContain("agl_http_in_flight 1\n"));
    return release;
  };
  return { store, hold };
}

const kTracesHead = "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n";
const kEnqueueHead = "POST /v1/agl/queues/rollouts/enqueue HTTP/1.1\r\nhost: localhost\r\n";

/** Sends the half of a body. @returns sends the rest, and resolves with the answer's status and whether it says when to come back */
async function sendHalf(server: StoreServer, head: string, body: Buffer) {
  const socket = connect(server.port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    answer += text;
  });
  socket.write(`${head}content-length: ${body.length}\r\n\r\n`);
  await new Promise((resolve) => socket.write(body.subarray(0, 1), resolve));
  return async () => {
    socket.write(body.subarray(1));
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP.*\r\n\r\n/s));
    socket.destroy();
    return [Number(answer.slice(9, 12)), /retry-after: 1\r\n/i.test(answer)];
  };
}

describe("a store server with as much to do as it takes", () => {
  it("answers 503 with Retry-After before it does anything, and takes requests again later", async () => {
    const { store, hold } = busyStore();
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const release = await hold(server);
    const refused = await enqueue(server);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await store.statistics()).rollouts).toBe(0);
    for (const path of ["/health", "/healthz", "/metrics", "/proxy/state"])
      expect([path, (await fetch(`${server.url}${path}`)).status]).toEqual([path, 200]);
    release();
    await vi.waitFor(async () => expect((await enqueue(server)).status).toBe(201));
    expect(await metrics(server)).toContain("agl_http_in_flight 0\n");
  });

  it("refuses exporters' spans alike, and whoever may not ask at all still for that reason", async () => {
    const { store, hold } = busyStore();
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const release = await hold(server);
    const headers = { "content-type": "application/x-protobuf" };
    const traces = await fetch(`${server.url}/v1/traces`, { method: "POST", headers, body: "" });
    expect([traces.status, traces.headers.get("retry-after")]).toEqual([503, "1"]);
    const page = await fetch(`${server.url}/v1/agl/statistics`, { headers: { origin: "https://x.example" } });
    expect(page.status).toBe(403);
    release();
  });

  it("does not count requests whose bodies are still arriving, nor lets them keep anybody out", async () => {
    const store = createMemoryStore();
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const body = Buffer.from('{"rollouts":[]}');
    const halves = [
      await sendHalf(server, kEnqueueHead, body),
      await sendHalf(server, kTracesHead, Buffer.from([0x0a, 0])),
    ];
    await pause(50);
    expect(await metrics(server)).toContain("agl_http_in_flight 0\n");
    expect((await enqueue(server)).status).toBe(201);
    expect(await Promise.all(halves.map((finish) => finish()))).toEqual([
      [201, false],
      [200, false],
    ]);
    expect(await metrics(server)).toContain("agl_http_in_flight 0\n");
  });

  it("refuses bodies that arrive while there is too much to do, before it does anything", async () => {
    const { store, hold } = busyStore();
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const halves = [
      await sendHalf(server, kEnqueueHead, Buffer.from('{"rollouts":[{"input":1}]}')),
      await sendHalf(server, kTracesHead, Buffer.from([0x0a, 0])),
    ];
    await pause(50);
    const release = await hold(server);
    for (const finish of halves) expect(await finish()).toEqual([503, true]);
    expect((await store.statistics()).rollouts).toBe(0);
    release();
    await vi.waitFor(async () => expect(await metrics(server)).toContain("agl_http_in_flight 0\n"));
  });

  it("does not count requests that wait for a rollout or for its end", async () => {
    const store = createMemoryStore();
    const claim = vi.spyOn(store, "claim");
    const waitForRollouts = vi.spyOn(store, "waitForRollouts");
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const ask = async (path: string, body: object) => {
      const response = await fetch(`${server.url}/v1/agl${path}`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      return [response.status, ((await response.json()) as readonly unknown[]).length];
    };
    const { rolloutId, attempt } = await store.startRollout({ input: 0 });
    const waits: Promise<unknown>[] = [];
    for (let i = 1; i <= 10; i++) {
      waits.push(ask("/queues/rollouts/dequeue", { timeout: 20 }));
      await vi.waitFor(() => expect(claim).toHaveBeenCalledTimes(i));
      waits.push(ask("/waits/rollouts", { rollout_ids: [rolloutId], timeout: 20, strict: true }));
      await vi.waitFor(() => expect(waitForRollouts).toHaveBeenCalledTimes(i));
    }
    expect(await metrics(server)).toContain("agl_http_in_flight 0\n");
    await store.enqueue(Array.from({ length: 10 }, (_, input) => ({ input })));
    await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    expect(await Promise.all(waits)).toEqual(new Array(20).fill([200, 1]));
  });

  it("is asked again by our client until everything got through, each thing once", async () => {
    const store = createMemoryStore();
    const kept = store.enqueue.bind(store);
    vi.spyOn(store, "enqueue").mockImplementation(async (rollouts) => {
      await pause(20);
      return kept(rollouts);
    });
    await using server = await serve({ store, port: 0, maxInFlight: 2 });
    const client = await openHttpStore(server.url);
    const inputs = Array.from({ length: 12 }, (_, input) => input);
    await Promise.all(inputs.map((input) => client.enqueue([{ input }])));
    const { items } = await store.queryRollouts();
    expect(items.map(({ input }) => input as number).toSorted((a, b) => a - b)).toEqual(inputs);
    expect(await metrics(server)).toMatch(/agl_http_total\{.*enqueue.*status="503"\} \d/);
    await client.close();
  });

  it("is given up by our client when its time is over", async () => {
    const { store, hold } = busyStore();
    await using server = await serve({ store, port: 0, maxInFlight: 1 });
    const client = await openHttpStore(server.url, { timeoutMs: 500 });
    const release = await hold(server);
    const refused = client.enqueue([{ input: 1 }]);
    await expect(refused).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining("at most 1 requests at once, got one more; ask again in 1 s"),
    });
    release();
    await client.close();
  });

  it("says in OpenAPI of every route how it refuses", async () => {
    await using server = await serve({ store: createMemoryStore(), port: 0 });
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, { headers?: object }> }>>;
    };
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBeGreaterThan(10);
    for (const { responses } of operations)
      expect(Object.keys(responses["503"]?.headers ?? {})).toEqual(["retry-after"]);
  });

  it("is not made without room for a request", async () => {
    const options = { store: createMemoryStore(), port: 0, maxInFlight: 0 };
    await expect(serve(options)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
