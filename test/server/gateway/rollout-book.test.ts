import { describe, expect, it } from "vitest";
import { openGateway } from "./app.js";

describe("the time that a gateway's rollout may take", () => {
  it.each([0, 0.001, 1])("is its controller's to watch, not the store's: %s s", async (timeout_seconds) => {
    const { store, call, create, move } = openGateway();
    const id = await create({ config: { timeout_seconds } });
    await move(id, "running");
    expect((await store.getRollout(id)).config.timeoutSeconds).toBe(null);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { rollout } = (await call("GET", `/api/rollouts/${id}`)).json;
    expect([rollout.status.state, rollout.config.timeout_seconds]).toEqual(["running", timeout_seconds]);
    expect((await move(id, "failed")).status).toBe(200);
  });
});

describe("the list of rollouts that ended", () => {
  it("has none that was deleted, and places that stay, whoever deleted it and whichever server is asked", async () => {
    const gateway = openGateway();
    const { store, call, create, move } = gateway;
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      ids.push(await create({ rollout_id: `r${i}`, input: { data_id: i } }));
      await move(ids.at(-1)!, i % 2 === 0 ? "failed" : "running");
      if (i % 2 !== 0) await move(ids.at(-1)!, "succeeded");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const list = async (after: number, limit = 10, server = gateway) => {
      const { json } = await server.call("GET", `/api/rollouts/terminal?after=${after}&limit=${limit}`);
      return [
        json.items.map((item: { rollout_id: string }) => item.rollout_id),
        json.next_after,
        json.total_terminal,
      ];
    };
    expect(await list(0)).toEqual([ids, 6, 6]);
    for (const id of ["r0", "r2", "r3"]) await call("DELETE", `/api/rollouts/${id}`);
    expect(await list(0)).toEqual([["r1", "r4", "r5"], 6, 6]);
    expect(await list(0, 2)).toEqual([["r1", "r4"], 5, 6]);
    expect(await list(5)).toEqual([["r5"], 6, 6]);
    const second = openGateway({}, store);
    expect(await list(4, 10, second)).toEqual([["r4", "r5"], 6, 6]);
    expect(await list(6, 10, second)).toEqual([[], 6, 6]);
    await store.deleteRollouts((await store.queryRollouts({ limit: 1 })).items.map((kept) => kept.rolloutId));
    expect((await list(0))[0]).toEqual(["r4", "r5"]);
  });

  it.each<[unknown, string | null]>([
    [{ data_id: 7 }, "7"],
    [{ data_id: "d" }, "d"],
    [{ instance_id: 1.5 }, "1.5"],
    [{ data_id: null, instance_id: "i" }, "i"],
    [{ data_id: false }, "false"],
    [{ data_id: { a: [1] } }, '{"a":[1]}'],
    [[1], null],
    ["text", null],
    [{}, null],
  ])("says of %j as text which task it is: %s", async (input, id) => {
    const { call, create, move } = openGateway();
    await move(await create({ input }), "failed");
    expect((await call("GET", "/api/rollouts/terminal")).json.items[0].data_id).toBe(id);
  });
});

describe("a deleted rollout", () => {
  it.each(["queuing", "running", "succeeded", "failed"])("that was %s frees its spans", async (state) => {
    const { store, call, create, move } = openGateway();
    const id = await create({ rollout_id: "mine" });
    const tell = () => call("POST", "/api/rollouts/mine/attempt/0/events", { event_type: "x", data: {} });
    await tell();
    if (state === "running" || state === "succeeded") await move(id, "running");
    if (state === "succeeded" || state === "failed") await move(id, state);
    await tell();
    expect((await store.statistics()).spans).toBeGreaterThanOrEqual(2);
    expect((await call("DELETE", "/api/rollouts/mine")).status).toBe(204);
    expect(await store.statistics()).toMatchObject({ spans: 0, rollouts: 0, attempts: 0 });
    expect((await tell()).status).toBe(404);
    expect((await call("DELETE", "/api/rollouts/mine")).status).toBe(204);
  });

  it("leaves the others where they are found", async () => {
    const { call, create, store } = openGateway();
    const other = openGateway({}, store);
    for (let i = 0; i < 5; i++) await create({ rollout_id: `r${i}` });
    expect((await other.call("GET", "/api/rollouts/r4")).status).toBe(200);
    for (const id of ["r0", "r1"]) await other.call("DELETE", `/api/rollouts/${id}`);
    await create({ rollout_id: "new" });
    expect((await other.call("GET", "/api/rollouts/new")).status).toBe(200);
    for (const id of ["r2", "r3", "r4"]) await call("DELETE", `/api/rollouts/${id}`);
    await create({ rollout_id: "newer" });
    expect((await other.call("GET", "/api/rollouts/newer")).status).toBe(200);
  });
});
