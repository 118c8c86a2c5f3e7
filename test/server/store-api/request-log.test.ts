import { expect, it, vi } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import type { LogRecord } from "../../../src/server/store-api/log-record.js";
import { createMetrics } from "../../../src/server/store-api/metrics.js";
import { createRequestLog } from "../../../src/server/store-api/request-log.js";
import { type ServeOptions, serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

/** A server whose records are kept. */
async function logged(options: Partial<ServeOptions> = {}) {
  const store = options.store ?? createMemoryStore();
  const records: LogRecord[] = [];
  const server = await serve({ store, port: 0, onLog: (record) => records.push(record), ...options });
  return { store, records, server };
}

it("tells every request to an access log, by its route, name, status, time and rollout, and none without one", async () => {
  for (const accessLog of [true, false]) {
    const { store, records, server } = await logged({ accessLog, key: "secret-key" });
    const { rolloutId } = await store.startRollout({ input: 1 });
    const headers = { "x-api-key": "secret-key", "x-request-id": "mine" };
    await fetch(`${server.url}/v1/agl/rollouts/${rolloutId}?strict=1`, { headers });
    await fetch(`${server.url}/v1/agl/spans?rollout_id=${rolloutId}`, { headers });
    const traces = { "content-type": "application/json" };
    await fetch(`${server.url}/v1/traces`, {
      method: "POST",
      body: "{}",
      headers: { ...headers, ...traces },
    });
    await server.close();
    const of = { level: "info", message: "request", requestId: "mine", status: 200, remote: "127.0.0.1" };
    const timed = { durationMs: expect.any(Number) };
    const told = [
      { ...of, ...timed, method: "GET", route: "/v1/agl/rollouts/:rollout_id", rolloutId },
      { ...of, ...timed, method: "GET", route: "/v1/agl/spans", rolloutId },
      { ...of, ...timed, method: "POST", route: "/v1/traces" },
    ];
    expect(records).toEqual(accessLog ? told : []);
  }
});

it("counts each refusal, and tells one of each kind without the key, the query or the body", async () => {
  const { records, server } = await logged({ key: "right", readKeys: ["look"], maxBodyBytes: 1000 });
  const ask = async (path: string, key: string, body?: string) => {
    const method = body === undefined ? "GET" : "POST";
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    return (await fetch(`${server.url}${path}`, init)).status;
  };
  for (let i = 0; i < 3; i++) expect(await ask(`/v1/agl/rollouts?q=topsecret${i}`, `guess${i}`)).toBe(401);
  expect(await ask("/v1/traces", "guess", "{}")).toBe(401);
  expect(await ask("/v1/agl/rollouts", "look", '{"input":"private"}')).toBe(403);
  expect(await ask("/v1/agl/rollouts", "right", `"${"private".repeat(200)}"`)).toBe(413);
  for (let i = 0; i < 2; i++) expect(await ask("/v1/agl/rollouts", "right", '{"private":1}')).toBe(422);
  expect(records.map(({ level, status }) => [level, status])).toEqual([
    ["warn", 401],
    ["warn", 403],
    ["warn", 413],
    ["info", 422],
  ]);
  expect(JSON.stringify(records)).not.toMatch(/guess|topsecret|private|right|"look/);
  const metrics = await (await fetch(`${server.url}/metrics`, { headers: { "x-api-key": "right" } })).text();
  for (const [reason, count] of Object.entries({ key: 4, forbidden: 1, too_large: 1, request: 2 }))
    expect(metrics).toContain(`agl_http_refused_total{reason="${reason}"} ${count}\n`);
  await server.close();
});

it("tells of a kind of refusal again after ten seconds, with how many came meanwhile", () => {
  const now = vi.spyOn(performance, "now");
  try {
    const records: LogRecord[] = [];
    const requests = createRequestLog(createMetrics(), (record) => records.push(record), false);
    for (const at of [0, 9_000, 9_999, 10_000, 30_000]) {
      now.mockReturnValue(at);
      requests({ method: "GET", route: "/x", status: 401, seconds: 0 });
    }
    expect(records.map(({ more }) => more)).toEqual([undefined, 2, undefined]);
  } finally {
    now.mockRestore();
  }
});

it("tells what fails with the request that met it, once while it lasts, and that it works again", async () => {
  const failure = new LightningError("E_STORE", "the disk is full");
  let probe = () => Promise.reject<void>(failure);
  const store = Object.assign(createMemoryStore(), {
    probe: () => probe(),
    statistics: () => Promise.reject(new Error("unexpected")),
  });
  const { records, server } = await logged({ store });
  for (let i = 0; i < 2; i++) await fetch(`${server.url}/ready`);
  probe = () => Promise.resolve();
  await expect
    .poll(async () => (await fetch(`${server.url}/ready`)).status, { timeout: 10_000, interval: 200 })
    .toBe(200);
  expect(records.filter(({ status }) => status !== 503)).toEqual([
    { level: "error", message: expect.stringContaining("the disk is full") },
    { level: "info", message: "the store works again" },
  ]);
  const headers = { "x-request-id": "mine" };
  expect((await fetch(`${server.url}/v1/agl/statistics`, { headers })).status).toBe(500);
  expect(records.at(-1)).toMatchObject({
    ...{ level: "error", message: expect.stringContaining("unexpected") },
    ...{ requestId: "mine", method: "GET", route: "/v1/agl/statistics" },
  });
  await server.close();
}, 20_000);
