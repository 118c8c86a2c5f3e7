import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { type ServeOptions, type StoreServer, serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

const start = (options: Partial<ServeOptions> = {}): Promise<StoreServer> =>
  serve({ store: createMemoryStore(), port: 0, ...options });
const post = (server: StoreServer, path: string, body: unknown = {}, init: RequestInit = {}) =>
  fetch(`${server.url}/v1/agl${path}`, { method: "POST", body: JSON.stringify(body), ...init });
const codeOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof LightningError ? error.code : error),
  );

describe("a store server's key", () => {
  it("is demanded before an address is opened to other machines", async () => {
    expect(await codeOf(start({ host: "0.0.0.0" }))).toBe("E_ARGUMENT");
    expect(await codeOf(start({ host: "127.0.0.1", key: "" }))).toBe("E_ARGUMENT");
    const server = await start({ host: "0.0.0.0", key: "secret" });
    await server.close();
  });

  it("opens every route in either header, and nothing but health without it", async () => {
    await using server = await start({ key: "secret" });
    const paths = [
      "/v1/agl/statistics",
      "/v1/agl/nope",
      "/metrics",
      "/openapi.json",
      "/api/models",
      "/v1/traces",
    ];
    const status = async (path: string, headers: Record<string, string>) =>
      (await fetch(`${server.url}${path}`, { headers })).status;
    const wrong = [
      {},
      { authorization: "Bearer secre" },
      { authorization: "secret" },
      { "x-api-key": "Secret" },
    ];
    for (const path of paths)
      for (const headers of wrong) expect([path, await status(path, headers as never)]).toEqual([path, 401]);
    for (const path of ["/health", "/healthz", "/v1/agl/health"]) expect(await status(path, {})).toBe(200);
    for (const headers of [{ authorization: "Bearer secret" }, { "x-api-key": "secret" }])
      expect(await status("/v1/agl/statistics", headers as never)).toBe(200);
    expect(await (await fetch(`${server.url}/metrics`)).json()).toEqual({
      detail: "Invalid or missing API key",
    });
  });

  it("is not needed on loopback, where names of other machines and pages of other origins are refused", async () => {
    await using server = await start();
    const ask = async (headers: Record<string, string>) => {
      const socket = connect(server.port, "127.0.0.1");
      const lines = Object.entries({ connection: "close", ...headers }).map(([k, v]) => `${k}: ${v}\r\n`);
      socket.end(`GET /v1/agl/statistics HTTP/1.1\r\n${lines.join("")}\r\n`);
      const [answer] = (await once(socket.setEncoding("latin1"), "data")) as [string];
      return Number(answer.slice(9, 12));
    };
    const host = `127.0.0.1:${server.port}`;
    expect(await ask({ host })).toBe(200);
    expect(await ask({ host: "localhost" })).toBe(200);
    expect(await ask({ host: "rebound.example" })).toBe(403);
    expect(await ask({ host, origin: `http://${host}` })).toBe(200);
    expect(await ask({ host, origin: "https://page.example" })).toBe(403);
  });

  it("lets pages of allowed origins ask, with a preflight that needs no key", async () => {
    await using server = await start({ key: "secret", corsOrigins: ["https://page.example"] });
    const origin = "https://page.example";
    const preflight = { origin, "access-control-request-method": "POST" };
    const options = await fetch(`${server.url}/v1/agl/rollouts`, { method: "OPTIONS", headers: preflight });
    expect([options.status, options.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    const headers = { origin, "x-api-key": "secret" };
    const answer = await fetch(`${server.url}/v1/agl/rollouts`, { headers });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    const other = await fetch(`${server.url}/v1/agl/rollouts`, {
      headers: { ...headers, origin: "https://b.example" },
    });
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });
});

describe("a store server", () => {
  it("maps the store's refusals to a status and names the code in a header", async () => {
    const store = createMemoryStore();
    await using server = await start({ store });
    const { rolloutId } = await store.startRollout({ input: 1 });
    await store.cancel(rolloutId);
    const answers = [
      await post(server, "/rollouts/ro-none/cancel"),
      await post(server, `/rollouts/${rolloutId}/attempts`),
      await post(server, "/rollouts", { input: 1, config: { timeout_seconds: -1 } }),
    ];
    await store.close();
    answers.push(await post(server, "/rollouts", { input: 1 }));
    expect(answers.map(({ status, headers }) => [status, headers.get("x-agl-error")])).toEqual([
      [404, "E_NOT_FOUND"],
      [409, "E_STATE"],
      [400, "E_ARGUMENT"],
      [503, "E_CLOSED"],
    ]);
  });

  it("keeps what went wrong inside to itself and to onError", async () => {
    const store = createMemoryStore();
    const secret = new Error("the secret of the inside");
    store.statistics = () => Promise.reject(secret);
    const errors: unknown[] = [];
    await using server = await start({ store, onError: (error) => errors.push(error) });
    const answer = await fetch(`${server.url}/v1/agl/statistics`);
    expect([answer.status, await answer.json()]).toEqual([500, { detail: "Internal server error" }]);
    expect(errors).toEqual([secret]);
  });

  it("answers null, nothing or an empty page for unknown ids as 0.3 does, and 404 when asked to be strict", async () => {
    await using server = await start();
    const get = async (path: string) => {
      const answer = await fetch(`${server.url}/v1/agl${path}`);
      return [answer.status, await answer.json()];
    };
    const page = { items: [], limit: -1, offset: 0, total: 0 };
    for (const [path, answer] of [
      ["/rollouts/none/attempts", page],
      ["/rollouts/none/attempts/latest", null],
      ["/workers/none", null],
      ["/resources/none", null],
      ["/spans?rollout_id=none", page],
    ] as const) {
      expect([path, await get(path)]).toEqual([path, [200, answer]]);
      const strict = `${path}${path.includes("?") ? "&" : "?"}strict=true`;
      expect([strict, (await get(strict))[0]]).toEqual([strict, 404]);
    }
  });

  it("hands a waiting dequeue what is queued meanwhile, and [] when its time is up", async () => {
    const store = createMemoryStore();
    await using server = await start({ store, maxWaitMs: 30 });
    expect(await (await post(server, "/queues/rollouts/dequeue", { timeout: 60 })).json()).toEqual([]);
    await store.enqueue([{ input: "negative" }, { input: "unwilling" }]);
    const inputs = async (at: StoreServer, timeout: number) =>
      ((await (await post(at, "/queues/rollouts/dequeue", { timeout })).json()) as { input: unknown }[]).map(
        ({ input }) => input,
      );
    expect(await inputs(server, -1)).toEqual(["negative"]);
    await using unwilling = await start({ store, maxWaitMs: 0 });
    expect(await inputs(unwilling, 60)).toEqual(["unwilling"]);
    const patient = await start({ store });
    const waiting = post(patient, "/queues/rollouts/dequeue", { timeout: 60 });
    await pause(100);
    await store.enqueue([{ input: "x" }]);
    expect(await (await waiting).json()).toMatchObject([{ input: "x", attempt: { sequence_id: 1 } }]);
    await patient.close();
  });

  it("takes nothing off the queue for a client that is gone", async () => {
    const store = createMemoryStore();
    await using server = await start({ store });
    const controller = new AbortController();
    const gone = post(server, "/queues/rollouts/dequeue", { timeout: 60 }, { signal: controller.signal });
    const failed = gone.catch(() => "gone");
    await pause(100);
    controller.abort();
    expect(await failed).toBe("gone");
    await pause(100);
    await store.enqueue([{ input: 1 }]);
    await pause(50);
    expect((await store.claim("w")).map(({ input }) => input)).toEqual([1]);
  });

  it("puts back what it claimed for a client that went in the same moment", async () => {
    const store = createMemoryStore();
    const claim = store.claim.bind(store);
    let reached = (): void => undefined;
    const claimed = new Promise<void>((resolve) => {
      reached = resolve;
    });
    store.claim = async (workerId, limit) => {
      const taken = await claim(workerId, limit);
      reached();
      await pause(150);
      return taken;
    };
    await using server = await start({ store });
    const { rolloutId } = (await store.enqueue([{ input: 1 }]))[0]!;
    const controller = new AbortController();
    const gone = post(server, "/queues/rollouts/dequeue", { timeout: 60 }, { signal: controller.signal });
    const failed = gone.catch(() => "gone");
    await claimed;
    controller.abort();
    expect(await failed).toBe("gone");
    await pause(300);
    expect((await store.getRollout(rolloutId)).status).toBe("requeuing");
  });

  it("ends waits with what there is when it closes, answers them, and listens no more", async () => {
    const store = createMemoryStore();
    const server = await start({ store });
    const [a, b] = await store.enqueue([{ input: "a" }, { input: "b" }]);
    await store.cancel(a!.rolloutId);
    const ids = { rollout_ids: [a!.rolloutId, b!.rolloutId], timeout: 60 };
    const wait = post(server, "/waits/rollouts", ids);
    await store.claim(null);
    const dequeue = post(server, "/queues/rollouts/dequeue", { timeout: 60 });
    await pause(100);
    const begin = performance.now();
    await Promise.all([server.close(), server.close()]);
    expect(performance.now() - begin).toBeLessThan(2000);
    expect((await (await wait).json()) as unknown[]).toMatchObject([{ rollout_id: a!.rolloutId }]);
    expect(await (await dequeue).json()).toEqual([]);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    // The store is the caller's.
    expect((await store.statistics()).rollouts).toBe(2);
  });

  it("says E_STORE when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    expect(await codeOf(start({ port }))).toBe("E_STORE");
    other.close();
  });

  it("counts requests, store calls and rollouts in Prometheus' format", async () => {
    await using server = await start();
    await post(server, "/queues/rollouts/enqueue", { rollouts: [{ input: 1, mode: "val" }] });
    const [{ rollout_id }] = (await (await post(server, "/queues/rollouts/dequeue")).json()) as [
      { rollout_id: string },
    ];
    await post(server, `/rollouts/${rollout_id}/attempts/latest`, { status: "succeeded" });
    await fetch(`${server.url}/v1/agl/made/up/${"x".repeat(50)}`);
    for (const path of ["/metrics", "/v1/prometheus/"]) {
      const answer = await fetch(`${server.url}${path}`);
      expect(answer.headers.get("content-type")).toContain("version=0.0.4");
      const lines = (await answer.text()).split("\n");
      for (const line of [
        'agl_http_total{method="POST",path="/v1/agl/queues/rollouts/enqueue",status="201"} 1',
        'agl_http_latency_count{method="POST",path="/v1/agl/rollouts/:rollout_id/attempts/:attempt_id",status="200"} 1',
        'agl_store_total{method="enqueue",status="ok"} 1',
        'agl_rollouts_total{status="succeeded",mode="val"} 1',
        "agl_store_rollouts 1",
      ])
        expect(lines).toContain(line);
      expect(lines.filter((line) => line.includes("xxx"))).toEqual([]);
      // Every line is a comment or NAME{LABELS} VALUE, and buckets only grow.
      for (const line of lines.filter((text) => text !== ""))
        expect(line).toMatch(
          /^(?:# (?:HELP|TYPE) .+|[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/,
        );
      const buckets = lines.filter((line) => line.startsWith('agl_store_latency_bucket{method="claim"'));
      const counts = buckets.map((line) => Number(line.split(" ").at(-1)));
      expect(counts).toEqual(counts.toSorted((a, b) => a - b));
      expect(counts.at(-1)).toBe(1);
    }
  });

  it("describes its routes in OpenAPI with references that resolve", async () => {
    await using server = await start();
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      readonly openapi: string;
      readonly paths: Record<
        string,
        Record<string, { requestBody?: unknown; parameters?: { name: string }[] }>
      >;
      readonly components: { readonly schemas: Record<string, { required?: string[] }> };
    };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths).length).toBe(26);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
    expect(document.components.schemas.Span?.required).toHaveLength(16);
    expect(document.components.schemas.Rollout?.required).toEqual(["rollout_id", "input", "start_time"]);
    const update = document.paths["/v1/agl/rollouts/{rollout_id}/attempts/{attempt_id}"]?.post;
    expect(update?.parameters?.map(({ name }) => name)).toEqual(["rollout_id", "attempt_id"]);
    expect(update?.requestBody).toBeDefined();
  });
});
