import { expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { createReadiness } from "../../../src/server/store-api/readiness.js";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { temporaryFile } from "../../store/sqlite/temporary-file.js";
import { describePostgres } from "../../support/postgres.js";

/** A store over memory whose probe is this. */
const probed = (probe: () => Promise<void>): LightningStore => Object.assign(createMemoryStore(), { probe });

it("is alive and not ready, within two seconds, while its store does not answer; and ready again after", async () => {
  let answer: () => Promise<void> = () => new Promise(() => undefined);
  const errors: unknown[] = [];
  const store = probed(() => answer());
  await using server = await serve({ store, port: 0, key: "k", onError: (error) => errors.push(error) });
  const get = (path: string) => fetch(`${server.url}${path}`, { headers: { "x-api-key": "k" } });
  const start = performance.now();
  const sick = await fetch(`${server.url}/ready`);
  expect(performance.now() - start).toBeLessThan(2000);
  expect([sick.status, await sick.json()]).toEqual([503, { detail: "Not ready: the store does not answer" }]);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect(await (await get("/metrics")).text()).toContain("agl_store_ready 0");
  expect(errors).toHaveLength(1);
  answer = async () => undefined;
  await expect.poll(async () => (await get("/ready")).status, { timeout: 10_000 }).toBe(200);
  expect(await (await get("/metrics")).text()).toMatch(/agl_store_ready 1[\s\S]*agl_store_rollouts 0/);
}, 20_000);

it("tells nobody outside what the store said, and remembers failed calls for a while", async () => {
  const told: unknown[] = [];
  const failure = new LightningError("E_STORE", "store.enqueue: /srv/secret/path is full");
  const failing = createReadiness(
    probed(() => Promise.reject(failure)),
    (error) => told.push(error),
  );
  expect(await failing.check()).toBe("the store fails");
  expect(await failing.check()).toBe("the store fails");
  expect(told).toEqual([failure]);
  const recalling = createReadiness(createMemoryStore(), (error) => told.push(error));
  recalling.note(new LightningError("E_STATE", "a refusal is no sickness"));
  expect(await recalling.check()).toBeNull();
  recalling.note(failure);
  expect(await recalling.check()).toBe("calls of the store failed a moment ago");
  expect(told).toEqual([failure, failure]);
});

it("is not ready when its store is closed", async () => {
  const store = await openSqliteStore(temporaryFile());
  await using server = await serve({ store, port: 0, onError: () => undefined });
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  await store.close();
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
});

describePostgres("readiness over PostgreSQL", (database, newSchema) => {
  it("is told by the database within two seconds, and calls end within their own time", async (test) => {
    const { url, ours } = await database();
    if (ours === undefined) return test.skip("the server is not ours to stop");
    await using store = await openPostgresStore(url, { schema: newSchema(), timeoutMs: 1000 });
    await using server = await serve({ store, port: 0, onError: () => undefined });
    const status = async (path: string) => {
      const start = performance.now();
      const { status } = await fetch(`${server.url}${path}`);
      return [status, performance.now() - start < 2000];
    };
    expect(await status("/ready")).toEqual([200, true]);
    await ours.stop("fast");
    expect(await status("/ready")).toEqual([503, true]);
    expect(await status("/v1/agl/rollouts")).toEqual([503, true]);
    await ours.start();
    await expect.poll(async () => (await status("/ready"))[0], { timeout: 20_000, interval: 200 }).toBe(200);
  }, 60_000);
});

it("names each request in its answer, by the client's word where it is one", async () => {
  await using store = createMemoryStore();
  await using server = await serve({ store, port: 0 });
  const name = async (path: string, given?: string, method = "GET") => {
    const headers: Record<string, string> = given === undefined ? {} : { "x-request-id": given };
    return (await fetch(`${server.url}${path}`, { method, headers })).headers.get("x-request-id");
  };
  for (const path of ["/health", "/v1/agl/rollouts", "/v1/agl/nope", "/metrics", "/api/models", "/ready"])
    expect([path, await name(path, "mine-1")]).toEqual([path, "mine-1"]);
  expect(await name("/v1/traces", "mine-2", "POST")).toBe("mine-2");
  for (const odd of ["a b", "x".repeat(200), "<script>", "", undefined])
    expect(await name("/health", odd)).toMatch(/^[0-9a-f-]{36}$/);
});
