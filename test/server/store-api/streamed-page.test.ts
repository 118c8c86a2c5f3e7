import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { claimNew, toSpan } from "../../../src/store/laws/law.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { openStore } from "../../../src/store/open-store.js";

describe("a list of any length", () => {
  it("is sent in parts, of rollouts and of spans, and is what a page would be", async () => {
    await using store = createMemoryStore();
    await using server = await serve({ store, port: 0 });
    await using client = await openStore(server.url);
    await store.enqueue(Array.from({ length: 1234 }, (_, input) => ({ input })));
    const claimed = await claimNew(store);
    await store.addSpans(Array.from({ length: 456 }, (_, i) => toSpan(claimed, i + 1)));
    for (const query of [{}, { offset: 1200 }, { limit: 777 }, { sortBy: "rolloutId" as const, limit: 300 }])
      expect(await client.queryRollouts(query)).toEqual(await store.queryRollouts(query));
    for (const query of [
      {},
      { offset: 400 },
      { limit: 333 },
      { name: "step" },
      { attemptId: "latest" },
      { attemptId: "x" },
    ])
      expect(await client.querySpans(claimed.rolloutId, query)).toEqual(
        await store.querySpans(claimed.rolloutId, query),
      );
    const answer = await fetch(`${server.url}/v1/agl/rollouts`);
    expect(answer.headers.get("transfer-encoding")).toBe("chunked");
    const lenient = await fetch(`${server.url}/v1/agl/spans?rollout_id=none`);
    expect(await lenient.json()).toEqual({ items: [], limit: -1, offset: 0, total: 0 });
    expect((await fetch(`${server.url}/v1/agl/rollouts?sort_by=nope`)).status).toBe(400);
  });

  it("is cut off, not ended, where reading fails in its middle", async () => {
    const store = createMemoryStore();
    await store.enqueue(Array.from({ length: 500 }, (_, input) => ({ input })));
    const failing = Object.assign(store, {
      listings: {
        rollouts: async () => ({
          total: 500,
          length: 500,
          read: async (from: number) => {
            if (from > 0) throw new Error("gone");
            return (await store.queryRollouts({ limit: 100 })).items;
          },
        }),
      },
    });
    const errors: unknown[] = [];
    await using server = await serve({ store: failing, port: 0, onError: (error) => errors.push(error) });
    await expect(fetch(`${server.url}/v1/agl/rollouts`).then((answer) => answer.text())).rejects.toThrow();
    expect(errors).toHaveLength(1);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});

describe("bodies that are arriving", () => {
  it("count against a bound of their own, and are given back when they are answered or gone", async () => {
    await using store = createMemoryStore();
    await using server = await serve({ store, port: 0, maxBodyBytes: 100_000, maxBodiesBytes: 250_000 });
    const uploads = Array.from({ length: 5 }, () => {
      const upload = request(`${server.url}/v1/agl/rollouts`, {
        method: "POST",
        headers: { "content-type": "application/json", "content-length": 100_000 },
      });
      const answered = new Promise<number>((resolve) => {
        upload.once("response", (answer) => resolve(answer.statusCode ?? 0));
        upload.once("error", () => resolve(0));
      });
      upload.write(`{"input":"${"x".repeat(79_000)}`);
      return { upload, answered };
    });
    const refused = await Promise.race(uploads.map(({ answered }) => answered));
    expect(refused).toBe(503);
    await pause(200);
    const known = await Promise.all(uploads.map(({ answered }) => Promise.race([answered, pause(50, 0)])));
    expect(known.toSorted()).toEqual([0, 0, 0, 503, 503]);
    for (const { upload } of uploads) upload.destroy();
    await pause(100);
    const body = JSON.stringify({ input: "y".repeat(90_000) });
    for (let i = 0; i < 9; i++)
      expect((await fetch(`${server.url}/v1/agl/rollouts`, { method: "POST", body })).status).toBe(201);
  });
});
