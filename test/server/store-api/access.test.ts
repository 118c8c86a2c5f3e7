import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openStore } from "../../../src/store/open-store.js";

describe("a key that may only read", () => {
  it("opens every question and nothing that changes", async () => {
    await using store = createMemoryStore();
    await using server = await serve({ store, port: 0, key: "all", readKeys: ["look", "see"] });
    const { rolloutId, attempt } = await store.startRollout({ input: 1 });
    const queued = (await store.enqueue([{ input: 2 }]))[0]!.rolloutId;
    await using writer = await openStore(server.url, { key: "all" });
    for (const key of ["look", "see"]) {
      await using reader = await openStore(server.url, { key });
      await reader.queryRollouts();
      await reader.getRollout(rolloutId);
      await reader.queryAttempts(rolloutId);
      await reader.querySpans(rolloutId);
      await reader.changes();
      await reader.waitForRollouts([rolloutId], { timeoutMs: 0 });
      await reader.statistics();
      const refused = [
        () => reader.enqueue([{ input: 3 }]),
        () => reader.claim("w"),
        () => reader.claimRollout(queued),
        () => reader.cancel(rolloutId),
        () => reader.updateRollout(rolloutId, { metadata: {} }),
        () => reader.updateAttempt(rolloutId, attempt.attemptId, { status: "failed" }),
        () => reader.deleteRollouts([rolloutId]),
        () => reader.nextSequenceId(rolloutId),
        () => reader.addResources({}),
        () => reader.heartbeat("w"),
      ];
      for (const call of refused) await expect(call()).rejects.toThrow("403: This key may only read");
      for (const path of ["/v1/traces", "/api/rollouts", "/v1/agl/rollouts/search/cancel"]) {
        const answer = await fetch(`${server.url}${path}`, {
          method: "POST",
          body: "{}",
          headers: { "x-api-key": key },
        });
        expect([path, answer.status]).toEqual([path, 403]);
      }
    }
    expect((await writer.statistics()).rollouts).toBe(2);
    expect((await fetch(`${server.url}/v1/agl/rollouts`, { headers: { "x-api-key": "loo" } })).status).toBe(
      401,
    );
  });

  it.each([
    { readKeys: ["a"] },
    { readKeys: ["a"], key: "a" },
    { readKeys: [""], key: "b" },
    { readKeys: "a", key: "b" },
  ])("is refused as %j", async (options) => {
    await using store = createMemoryStore();
    await expect(serve({ store, port: 0, ...(options as object) })).rejects.toMatchObject({
      code: "E_ARGUMENT",
    });
  });
});

describe("keys that may do all", () => {
  it("are as many as there are, and may be others from one moment to the next", async () => {
    await using store = createMemoryStore();
    await using server = await serve({ store, port: 0, key: ["one", "two"], readKeys: ["look"] });
    const asked = async () => {
      const statuses: number[] = [];
      for (const key of ["one", "two", "three", "look", "see", "on"]) {
        const init = { method: "POST", body: '{"input":1}', headers: { "x-api-key": key } };
        statuses.push((await fetch(`${server.url}/v1/agl/rollouts`, init)).status);
      }
      return statuses;
    };
    expect(await asked()).toEqual([201, 201, 401, 403, 401, 401]);
    server.setKeys({ key: ["two", "three"], readKeys: ["see"] });
    expect(await asked()).toEqual([401, 201, 201, 401, 403, 401]);
    for (const wrong of [{ key: [""] }, { key: "a", readKeys: ["a"] }, { readKeys: ["a"] }])
      expect(() => server.setKeys(wrong)).toThrow("serve: expected");
    expect(await asked()).toEqual([401, 201, 201, 401, 403, 401]);
  });

  it("are wanted by a host that others reach, also later", async () => {
    await using store = createMemoryStore();
    await using server = await serve({ store, port: 0, host: "0.0.0.0", key: "k" });
    expect(() => server.setKeys({})).toThrow("a key for a host that other machines reach");
  });
});
