import { expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openStore } from "../../../src/store/open-store.js";

type Answer = { items: Record<string, unknown>[]; total: number };

it("is in no list of 0.3 that does not ask for it: neither where events wait nor what is remembered", async () => {
  await using store = createMemoryStore();
  await using server = await serve({ store, port: 0 });
  const ask = async (path: string, body?: object) => {
    const init = {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    };
    return (await fetch(`${server.url}${path}`, body === undefined ? {} : init)).json() as Promise<
      Answer & Answer["items"]
    >;
  };
  const [created] = await ask("/api/rollouts", [{ input: {} }]);
  const rollout_id = created?.rollout_id;
  await ask(`/api/rollouts/${rollout_id}/attempt/0/events`, { event_type: "custom", data: {} });
  await ask("/api/models", [{ model: "m", endpoint: "http://127.0.0.1:1" }]);
  await store.heartbeat("runner");
  expect((await store.queryRollouts()).total).toBe(2);
  expect((await store.queryWorkers()).total).toBe(2);
  const lists = [
    ["/v1/agl/rollouts"],
    ["/v1/agl/rollouts?limit=10"],
    ["/v1/agl/rollouts/search", { sort_by: "rollout_id" }],
    ["/v1/agl/rollouts?status_in=queuing&status_in=succeeded"],
    ["/v1/agl/workers"],
    ["/v1/agl/workers?limit=5"],
    ["/v1/agl/workers/search", { worker_id_contains: "n" }],
  ] as const;
  for (const [path, body] of lists) {
    const { items, total } = await ask(path, body);
    const ids = items.map((item: Record<string, unknown>) => item.worker_id ?? item.rollout_id);
    expect([path, total, ids]).toEqual([path, 1, [path.includes("workers") ? "runner" : rollout_id]]);
  }
  await using client = await openStore(server.url);
  expect(await client.queryRollouts()).toEqual(await store.queryRollouts());
  expect(await client.queryWorkers()).toEqual(await store.queryWorkers());
});
