// Two gateways over one store, as two servers on one database are.
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import { temporaryFile } from "../../store/sqlite/temporary-file.js";
import { gatewayApp } from "./app.js";

async function open() {
  const path = temporaryFile();
  const [one, other] = [await openSqliteStore(path), await openSqliteStore(path)];
  const gateways = [gatewayApp(one), gatewayApp(other)];
  const headers = { "content-type": "application/json" };
  /** Of six controllers, every other one at the other gateway. */
  const sendAll = async (method: string, path: string, bodyOf: (i: number) => unknown) => {
    const answers = Array.from({ length: 6 }, (_, i) =>
      gateways[i % 2]!.request(path, { method, headers, body: JSON.stringify(bodyOf(i)) }),
    );
    return (await Promise.all(answers)).map(({ status }) => status).toSorted();
  };
  const send = (method: string, path: string, body?: unknown) =>
    gateways[1]!.request(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const enqueue = async () => (await one.enqueue([{ input: {} }]))[0]!.rolloutId;
  const close = () => Promise.all([one.close(), other.close()]);
  return { store: other, enqueue, send, sendAll, [Symbol.asyncDispose]: async () => void (await close()) };
}

describe("a rollout that controllers of two gateways want, whose processes share a store's file,", () => {
  it("is taken by one of them", async () => {
    await using opened = await open();
    for (let round = 0; round < 10; round++) {
      const id = await opened.enqueue();
      const statuses = await opened.sendAll("PATCH", `/api/rollouts/${id}`, () => ({
        status: { state: "running" },
      }));
      expect(statuses).toEqual([200, 409, 409, 409, 409, 409]);
      expect((await opened.store.queryAttempts(id)).total).toBe(1);
    }
  });

  it("stays queued with all events of both, which the attempt gets that takes it", async () => {
    await using opened = await open();
    const id = await opened.enqueue();
    const path = `/api/rollouts/${id}/attempt/0/events`;
    const statuses = await opened.sendAll("POST", path, (i) => ({ event_type: "note", data: { i } }));
    expect(statuses).toEqual(Array(6).fill(200));
    expect((await opened.store.queryAttempts(id)).total).toBe(0);
    const shown = await opened.send("GET", `/api/rollouts/${id}/events`);
    expect(((await shown.json()) as unknown[]).length).toBe(6);
    const taken = await opened.send("PATCH", `/api/rollouts/${id}`, { status: { state: "running" } });
    expect(taken.status).toBe(200);
    expect((await opened.store.querySpans(id, { attemptId: "latest" })).total).toBe(6);
  });
});
