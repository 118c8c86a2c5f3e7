import { describe, expect, it } from "vitest";
import { storeLaws } from "../../src/store/laws.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import type { LightningStore } from "../../src/store/store.js";
import type { Span } from "../../src/types/span.js";

storeLaws("memory", async (options) => createMemoryStore(options), { describe, it, expect });

describe("deleteRollouts", () => {
  const spanOf = (rolloutId: string, attemptId: string): Span =>
    ({
      ...{ rolloutId, attemptId, sequenceId: 1, traceId: "t", spanId: "s", parentId: null, name: "call" },
      ...{ status: { statusCode: "OK", description: null }, attributes: {}, events: [], links: [] },
      ...{ startTime: 1, endTime: 2, context: null, parent: null, resource: null },
    }) as unknown as Span;

  async function ended(store: LightningStore, input: string): Promise<string> {
    const { rolloutId, attempt } = await store.startRollout({ input });
    await store.addSpans([spanOf(rolloutId, attempt.attemptId)]);
    await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    return rolloutId;
  }

  it("forgets rollouts with their attempts and spans, and no other", async () => {
    await using store = createMemoryStore();
    const [a, b] = [await ended(store, "a"), await ended(store, "b")];
    await store.deleteRollouts([a]);
    expect(await store.statistics()).toMatchObject({ rollouts: 1, attempts: 1, spans: 1 });
    expect((await store.queryRollouts()).items.map(({ rolloutId }) => rolloutId)).toEqual([b]);
    for (const call of [store.getRollout(a), store.querySpans(a), store.queryAttempts(a), store.cancel(a)])
      await expect(call).rejects.toMatchObject({ code: "E_NOT_FOUND" });
    expect((await store.querySpans(b)).items).toHaveLength(1);
  });

  it("passes over ids that are not kept, so that it can be tried again", async () => {
    await using store = createMemoryStore();
    const a = await ended(store, "a");
    await store.deleteRollouts([a, "ro-unknown", a]);
    await store.deleteRollouts([a]);
    await store.deleteRollouts([]);
    expect(await store.statistics()).toMatchObject({ rollouts: 0 });
  });

  it.each(["queuing", "preparing", "running"] as const)(
    "refuses one that is %s, and forgets none then",
    async (status) => {
      await using store = createMemoryStore();
      const a = await ended(store, "a");
      const [queued] = await store.enqueue([{ input: "b" }]);
      const open = queued?.rolloutId ?? "";
      if (status !== "queuing") await store.claimRollout(open);
      if (status === "running") await store.updateAttempt(open, "latest", { status });
      const message = expect.stringContaining(`${open}, which is ${status}; cancel it first`);
      await expect(store.deleteRollouts([a, open])).rejects.toMatchObject({ code: "E_STATE", message });
      expect(await store.statistics()).toMatchObject({ rollouts: 2 });
      await store.cancel(open);
      await store.deleteRollouts([a, open]);
      expect(await store.statistics()).toMatchObject({ rollouts: 0 });
      expect(await store.claim("worker")).toEqual([]);
    },
  );

  it("leaves those that wait for a rollout with what they waited for, and rejects once closed", async () => {
    const store = createMemoryStore();
    const a = await ended(store, "a");
    const waiting = store.waitForRollouts([a]);
    await store.deleteRollouts([a]);
    expect(await waiting).toHaveLength(1);
    await store.close();
    await expect(store.deleteRollouts([a])).rejects.toMatchObject({ code: "E_CLOSED" });
  });
});
