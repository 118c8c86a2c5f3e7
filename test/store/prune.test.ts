import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { pruneRollouts, type Retention } from "../../src/store/prune.js";
import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { temporaryFile } from "./sqlite/temporary-file.js";

const kDay = 86_400;

/** Rollouts 0 to 4 that ended 5, 4, 3, 2 and 1 days ago; 5 is queued. */
async function fill(store: LightningStore & { importRecords(batch: never): Promise<void> }): Promise<void> {
  const config = { timeoutSeconds: null, unresponsiveSeconds: null, maxAttempts: 1, retryCondition: [] };
  const rest = { mode: null, resourcesId: null, resourcesVersion: null, config, metadata: {} };
  const rollouts = [0, 1, 2, 3, 4].map((input) => {
    const endTime = Date.now() / 1000 - (5 - input) * kDay;
    const rollout = { rolloutId: `ro-${input}`, input, status: "failed", startTime: 1, endTime, ...rest };
    return { rollout, attempts: [], spans: [] };
  });
  await store.importRecords({ rollouts } as never);
  await store.enqueue([{ input: 5 }]);
}

describe.each([
  ["memory", async () => createMemoryStore()],
  ["SQLite", () => openSqliteStore(temporaryFile())],
] as const)("pruneRollouts on %s", (_name, open) => {
  const cases: readonly (readonly [Retention, readonly number[]])[] = [
    [{ olderThanSeconds: 2.5 * kDay }, [3, 4, 5]],
    [{ olderThanSeconds: 0 }, [5]],
    [{ olderThanSeconds: 9 * kDay }, [0, 1, 2, 3, 4, 5]],
    [{ keep: 2 }, [3, 4, 5]],
    [{ keep: 0 }, [5]],
    [{ keep: 9 }, [0, 1, 2, 3, 4, 5]],
    [{ keep: 4, olderThanSeconds: 2.5 * kDay }, [1, 2, 3, 4, 5]],
    [{ keep: 1, olderThanSeconds: 2.5 * kDay }, [3, 4, 5]],
  ];
  it.each(cases)("with %j leaves %j", async (retention, left) => {
    await using store = await open();
    await fill(store as never);
    expect(await pruneRollouts(store, retention)).toBe(6 - left.length);
    expect((await store.queryRollouts()).items.map(({ input }) => input)).toEqual(left);
  });

  it("reads again where one of those that had ended was queued meanwhile", async () => {
    await using store = await open();
    await fill(store as never);
    const remove = store.deleteRollouts.bind(store);
    let isFirst = true;
    store.deleteRollouts = async (ids) => {
      if (isFirst) await store.updateRollout("ro-1", { status: "queuing" });
      isFirst = false;
      await remove(ids);
    };
    expect(await pruneRollouts(store, { keep: 0 })).toBe(4);
    expect((await store.queryRollouts()).items.map(({ input }) => input)).toEqual([1, 5]);
  });

  it.each([{}, { keep: -1 }, { keep: 1.5 }, { olderThanSeconds: Number.NaN }, { olderThanSeconds: -1 }])(
    "refuses %j and forgets nothing",
    async (retention) => {
      await using store = await open();
      await fill(store as never);
      await expect(pruneRollouts(store, retention)).rejects.toMatchObject({ code: "E_ARGUMENT" });
      expect((await store.statistics()).rollouts).toBe(6);
    },
  );
});
