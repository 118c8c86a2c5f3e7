// Exporters' requests as they come over a socket: kept past hono, and refused as any other.
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type ServeOptions, serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { requestBytes, spanBytes } from "../otlp/protobuf-writer.js";

const protobuf = { "content-type": "application/x-protobuf" };

async function open(options: Partial<ServeOptions> = {}, store = createMemoryStore()) {
  const { rolloutId, attempt } = await store.startRollout({ input: 1 });
  const ids = {
    "agentlightning.rollout_id": rolloutId,
    "agentlightning.attempt_id": attempt.attemptId,
  };
  const body = (i = 1) =>
    new Uint8Array(requestBytes(ids, [spanBytes({ spanId: i.toString(16).padStart(16, "0") })]));
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const server = await serve({ store, port: 0, onError, ...options });
  const post = (init: RequestInit, query = "") =>
    fetch(`${server.url}/v1/traces${query}`, { method: "POST", headers: protobuf, ...init });
  const metrics = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return text.split("\n").filter((line) => /^agl_http_(total.*traces|in_flight)/.test(line));
  };
  const kept = async () => (await store.querySpans(rolloutId)).total;
  return { store, server, body, post, kept, errors, metrics, [Symbol.asyncDispose]: server.close };
}

describe("a server that exporters send spans to", () => {
  it("keeps them however they are sent, and counts each request once", async () => {
    await using app = await open();
    const stream = new Blob([app.body(2)]).stream();
    const packed = { ...protobuf, "content-encoding": "gzip", "accept-encoding": "gzip" };
    const origin = { ...protobuf, origin: app.server.url };
    const answers = [
      await app.post({ body: app.body(1) }),
      await app.post({ body: stream, duplex: "half" } as RequestInit),
      await app.post({ body: new Uint8Array(gzipSync(app.body(3))), headers: packed }),
      await app.post({ body: app.body(4), headers: origin }),
      await app.post({ body: app.body(5) }, "?from=agent"),
    ];
    expect(answers.map(({ status, headers }) => [status, headers.get("content-type")])).toEqual(
      new Array(5).fill([200, "application/x-protobuf"]),
    );
    expect(answers[3]?.headers.get("access-control-allow-origin")).toBe(app.server.url);
    expect(await app.kept()).toBe(5);
    expect(await app.metrics()).toEqual([
      "agl_http_in_flight 0",
      'agl_http_total{method="POST",path="/v1/traces",status="200"} 5',
    ]);
  });

  it("keeps none of them without the key, from a page, under a foreign name, or beyond the limit", async () => {
    await using keyed = await open({ key: "secret" });
    const answer = async (request: Promise<Response>) => {
      const { status, headers } = await request;
      return [status, headers.get("x-agl-error") !== null];
    };
    const auth = { authorization: "Bearer secret" };
    expect(await answer(keyed.post({ body: keyed.body() }))).toEqual([401, true]);
    const page = { ...protobuf, ...auth, origin: "https://page.example" };
    expect(await answer(keyed.post({ body: keyed.body(), headers: page }))).toEqual([403, true]);
    await using small = await open({ maxBodyBytes: 20 });
    expect(await answer(small.post({ body: small.body() }))).toEqual([413, true]);
    const packed = { ...protobuf, "content-encoding": "gzip" };
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(5000)));
    await using bounded = await open({ maxBodyBytes: 1000 });
    expect((await bounded.post({ body: bomb, headers: packed })).status).toBe(413);
    await using open_ = await open();
    const socket = connect(open_.server.port, "127.0.0.1");
    const head = `POST /v1/traces HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n`;
    socket.write(`${head}content-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n`);
    const [text] = (await once(socket.setEncoding("latin1"), "data")) as [string];
    expect(text).toMatch(/^HTTP\/1.1 403/);
    expect([await keyed.kept(), await small.kept()]).toEqual([0, 0]);
    expect((await keyed.post({ body: keyed.body(), headers: { ...protobuf, ...auth } })).status).toBe(200);
  });

  it("keeps what went wrong inside to itself and to onError, and answers the next request", async () => {
    const store = createMemoryStore();
    const { addSpans } = store;
    const secret = new Error("the secret of the inside");
    let fails = true;
    store.addSpans = (spans) => (fails ? Promise.reject(secret) : addSpans.call(store, spans));
    await using app = await open({}, store);
    const answer = await app.post({ body: app.body() });
    expect([answer.status, await answer.json()]).toEqual([500, { detail: "Internal server error" }]);
    expect(app.errors).toEqual([secret]);
    fails = false;
    expect((await app.post({ body: app.body() })).status).toBe(200);
    expect(await app.kept()).toBe(1);
  });

  it("forgets a request whose client went before its body was whole", async () => {
    await using app = await open();
    const socket = connect(app.server.port, "127.0.0.1");
    const head = `POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n`;
    await new Promise((resolve) => socket.write(`${head}content-length: 100\r\n\r\nhalf of it`, resolve));
    await pause(50);
    socket.destroy();
    const given = 'agl_http_total{method="POST",path="/v1/traces",status="400"} 1';
    await expect.poll(app.metrics).toEqual(["agl_http_in_flight 0", given]);
    expect((await app.post({ body: app.body() })).status).toBe(200);
    expect(app.errors).toEqual([]);
  });
});
