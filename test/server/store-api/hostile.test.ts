// What a hostile or broken client can send: the answer is a 4xx, or none at all where nothing like HTTP came, and the server lives on.
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StoreServer, serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { temporaryFile } from "../../store/sqlite/temporary-file.js";
import { describePostgres } from "../../support/postgres.js";

const kRuns = process.env.AGL_SLOW_TESTS ? 5000 : 400;
const kMaxBodyBytes = 200_000;
const errors: unknown[] = [];
let server: StoreServer;

beforeAll(async () => {
  const store = createMemoryStore();
  const onError = (error: unknown) => errors.push(error);
  server = await serve({
    store,
    port: 0,
    maxBodyBytes: kMaxBodyBytes,
    requestTimeoutMs: 1500,
    maxWaitMs: 50,
    onError,
  });
});
afterAll(() => server.close());

const kRoutes = [
  "POST /queues/rollouts/enqueue",
  "POST /queues/rollouts/dequeue",
  "POST /waits/rollouts",
  "POST /rollouts",
  "GET /rollouts",
  "POST /rollouts/search",
  "GET /rollouts/:id",
  "POST /rollouts/:id",
  "POST /rollouts/:id/cancel",
  "POST /rollouts/:id/attempts",
  "GET /rollouts/:id/attempts",
  "POST /rollouts/:id/attempts/search",
  "GET /rollouts/:id/attempts/latest",
  "POST /rollouts/:id/attempts/:id",
  "POST /spans",
  "POST /spans/batch",
  "POST /spans/next",
  "GET /spans",
  "POST /spans/search",
  "GET /resources",
  "POST /resources",
  "GET /resources/:id",
  "POST /resources/:id",
  "GET /workers",
  "POST /workers/search",
  "GET /workers/:id",
  "POST /workers/:id",
];

/** Bodies that some route takes, to be damaged. */
const kBodies: readonly Readonly<Record<string, unknown>>[] = [
  {
    rollouts: [
      { input: 1, mode: "train", config: { max_attempts: 2, retry_condition: ["failed"] }, metadata: {} },
    ],
  },
  { limit: 1, worker_id: "w", timeout: 0.01 },
  { rollout_ids: ["ro-1"], timeout: 0.01, strict: true },
  { input: {}, worker_id: "w" },
  { status: "failed", worker_id: "w", last_heartbeat_time: 1, metadata: {} },
  { heartbeat_stats: { cpu: 1 } },
  { llm: { resource_type: "llm", endpoint: "e", model: "m" } },
  {
    rollout_id: "ro-1",
    attempt_id: "latest",
    limit: 1,
    sort_by: "name",
    filter_logic: "or",
    name_contains: "x",
  },
  {
    rollout_id: "ro-1",
    attempt_id: "at-1",
    sequence_id: 1,
    trace_id: "1",
    span_id: "1",
    parent_id: null,
    name: "s",
    status: { status_code: "OK" },
    attributes: { a: [1] },
    events: [{ name: "e", attributes: {}, timestamp: null }],
    links: [],
    start_time: 1,
    end_time: null,
    context: null,
    parent: null,
    resource: { attributes: {}, schema_url: "" },
  },
];

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, -1, 1e308, 2 ** 53, "", "\u0000", "\ud800", "__proto__", [], {}),
);
const damaged = fc
  .record({ body: fc.constantFrom(...kBodies), at: fc.nat(), value: anyValue, isGone: fc.boolean() })
  .map(({ body, at, value, isGone }) => {
    const keys = Object.keys(body);
    const entries = Object.entries(body).filter(([key]) => !isGone || key !== keys[at % keys.length]);
    return { ...Object.fromEntries(entries), ...(isGone ? {} : { [keys[at % keys.length]!]: value }) };
  });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)),
  fc.json().map((text) => Buffer.from(text)),
  damaged.map((value) => Buffer.from(JSON.stringify(value))),
  fc.tuple(damaged, fc.nat()).map(([value, end]) => {
    const text = Buffer.from(JSON.stringify(value));
    return text.subarray(0, end % text.length);
  }),
  fc
    .tuple(fc.integer({ min: 1, max: 90_000 }), fc.constantFrom("[", '{"a":', '{"input":['))
    .map(([depth, opener]) => Buffer.from(opener.repeat(Math.floor(depth / opener.length)))),
);
const header = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  { "content-type": "application/json" },
  { "content-type": "\u00ff; charset=x" },
  { "content-encoding": "gzip" },
  { "content-encoding": "br, gzip" },
  { authorization: "Bearer" },
  { origin: "null" },
  { origin: "http://evil.example" },
  { host: "evil.example" },
  { expect: "a miracle" },
  { "transfer-encoding": "chunked" },
);
const query = fc.oneof(
  fc.constant(""),
  fc.constantFrom(
    "?limit=x",
    "?limit=1e9",
    "?limit=999999999999999",
    "?offset=-0",
    "?status_in=",
    "?rollout_id=%00",
  ),
  fc.string().map((text) => `?${encodeURIComponent(text)}=%ZZ&sort_by=${encodeURIComponent(text)}`),
);
const id = fc.oneof(
  fc.constantFrom("latest", "ro-1", "__proto__", "%00", "%ff", "..%2f..", "a".repeat(5000)),
  fc.webSegment(),
);

/** Over a store of its own, in which one rollout runs and one is queued. */
async function fuzz(store: LightningStore): Promise<void> {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const server = await serve({ store, port: 0, maxBodyBytes: kMaxBodyBytes, maxWaitMs: 50, onError });
  const { rolloutId } = await store.startRollout({ input: 1 });
  await store.enqueue([{ input: 2 }]);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kRoutes),
      fc.oneof(fc.constant(rolloutId), id),
      query,
      header,
      bytes,
      async (route, name, search, headers, body) => {
        const [method, path] = route.split(" ") as [string, string];
        const target = `/v1/agl${path.replaceAll(":id", name)}${search}`;
        const known = Buffer.from(
          body.toString("latin1").replaceAll('"ro-1"', JSON.stringify(rolloutId)),
          "latin1",
        );
        const status = await statusOf(server.port, method, target, headers, known);
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).toBeLessThan(500);
        expect(errors).toEqual([]);
      },
    ),
    { numRuns: kRuns, seed: 20261121 },
  );
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  await server.close();
  await store.close();
}

const kFuzzed = "answers whatever body, header, path or query with less than 500, and never fails inside";
describe("a store server under hostile input", () => {
  it(`${kFuzzed}, over memory`, () => fuzz(createMemoryStore()));
  it(`${kFuzzed}, over SQLite`, async () => fuzz(await openSqliteStore(temporaryFile())));
  describePostgres("PostgreSQL", (postgres, newSchema) => {
    it(`${kFuzzed}, over PostgreSQL`, async () =>
      fuzz(await openPostgresStore((await postgres()).url, { schema: newSchema() })));
  });

  it("refuses a body that is too large by its length, without it, and when it only unpacks to that", async () => {
    const target = `${server.url}/v1/agl/queues/rollouts/enqueue`;
    const text = JSON.stringify({ rollouts: [{ input: "x".repeat(kMaxBodyBytes) }] });
    const stream = new Blob([text]).stream();
    const bomb = gzipSync(text);
    expect(bomb.length).toBeLessThan(1000);
    const requests: RequestInit[] = [
      { body: text },
      { body: stream, duplex: "half" } as RequestInit,
      { body: bomb, headers: { "content-encoding": "gzip" } },
    ];
    for (const init of requests) expect((await fetch(target, { method: "POST", ...init })).status).toBe(413);
    const small = gzipSync(JSON.stringify({ rollouts: [{ input: 1 }] }));
    const packed = { method: "POST", body: small, headers: { "content-encoding": "gzip" } };
    expect((await fetch(target, packed)).status).toBe(201);
  });

  it("names what is wrong: broken gzip, bad UTF-8, no JSON, nested too deep, an unknown encoding", async () => {
    const post = async (body: Buffer | string, encoding?: string) => {
      const headers = new Headers(encoding === undefined ? {} : { "content-encoding": encoding });
      const response = await fetch(`${server.url}/v1/agl/spans`, { method: "POST", body, headers });
      return [
        response.status,
        JSON.stringify(((await response.json()) as { detail: unknown }).detail),
      ] as const;
    };
    const [unpacked, text] = await post("plain", "gzip");
    expect([unpacked, text]).toEqual([400, expect.stringContaining("compressed by gzip")]);
    expect(await post(Buffer.from([0x22, 0xff, 0x22]))).toEqual([400, expect.stringContaining("UTF-8")]);
    expect(await post("{")).toEqual([422, expect.stringContaining("json_invalid")]);
    expect(await post("[".repeat(10_000))).toEqual([400, expect.stringContaining("deep")]);
    // Brackets inside a string do not nest.
    expect((await post(JSON.stringify("[".repeat(10_000))))[0]).toBe(422);
    expect((await post("x", "zstd"))[0]).toBe(415);
  });

  it("answers 422 with few issues to a body that is wrong in thousands of places", async () => {
    const body = JSON.stringify({ rollouts: Array.from({ length: 20_000 }, () => ({})) });
    const response = await fetch(`${server.url}/v1/agl/queues/rollouts/enqueue`, { method: "POST", body });
    const text = await response.text();
    expect(response.status).toBe(422);
    expect(text.length).toBeLessThan(20_000);
  });

  it("survives connections that do not speak HTTP", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (raw, isLike) => {
        const socket = connect(server.port, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.resume();
        if (isLike) socket.write("POST /v1/agl/spans HTTP/1.1\r\n");
        socket.end(Buffer.from(raw));
        await once(socket, "close");
      }),
      { numRuns: 60, seed: 20261121 },
    );
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it("ends a request that arrives too slowly, whatever part of it is slow", async () => {
    const beginnings = [
      "POST /v1/agl/spans HTTP/1.1\r\nhost: localhost\r\n",
      "POST /v1/agl/spans HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
    ];
    const start = performance.now();
    await Promise.all(
      beginnings.map(async (beginning) => {
        const socket = connect(server.port, "127.0.0.1");
        socket.on("error", () => undefined);
        let answer = "";
        socket.setEncoding("latin1").on("data", (text: string) => {
          answer += text;
        });
        socket.write(beginning);
        const drip = setInterval(() => socket.write("x"), 100);
        await once(socket, "close");
        clearInterval(drip);
        expect(answer).toMatch(/^HTTP\/1.1 4\d\d/);
      }),
    );
    expect(performance.now() - start).toBeLessThan(10_000);
    await pause(10);
    expect(errors).toEqual([]);
  });
});

// --- internal ---

/** Over a socket of its own: fetch would refuse to send most of this. */
async function statusOf(
  port: number,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const isChunked = headers["transfer-encoding"] === "chunked";
  const all = { host: "localhost", connection: "close", ...headers };
  const lines = Object.entries(all).map(([key, value]) => `${key}: ${value}\r\n`);
  const framed = isChunked
    ? Buffer.concat([
        Buffer.from(`${body.length.toString(16)}\r\n`),
        body,
        Buffer.from(body.length > 0 ? "\r\n0\r\n\r\n" : "\r\n"),
      ])
    : body;
  if (!isChunked) lines.push(`content-length: ${body.length}\r\n`);
  socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  socket.write(framed);
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    answer += text;
  });
  await once(socket, "close");
  return Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);
}
