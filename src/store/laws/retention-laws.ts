// Laws of what is asked of many rollouts over a long time: by mode and metadata, what changed since, and what is forgotten.
import type { LightningStore } from "../store.js";
import type { MetadataFilter, RolloutQuery } from "../store-records.js";
import { claimNew, claimOne, codeOf, type Law, toSpan } from "./law.js";

export const retentionLaws: readonly Law[] = [
  {
    name: "forgets ended rollouts with their attempts and spans, all or none, and passes over what is not kept",
    async check(store, expect) {
      const ids = [await endNew(store), await endNew(store), await endNew(store)];
      const [gone = "", other = "", left = ""] = ids;
      const open = await claimNew(store);
      expect(await codeOf(store.deleteRollouts([gone, open.rolloutId]))).toEqual("E_STATE");
      expect((await store.statistics()).rollouts).toEqual(4);
      await store.deleteRollouts([gone, "ro-never-was", gone, "ro-\u0000", other]);
      await store.deleteRollouts([gone]);
      await store.deleteRollouts([]);
      const { rollouts, attempts, spans } = await store.statistics();
      expect([rollouts, attempts, spans]).toEqual([2, 2, 1]);
      const asked = [
        store.getRollout(gone),
        store.querySpans(gone),
        store.queryAttempts(gone),
        store.nextSequenceId(gone),
        store.updateRollout(gone, { status: "requeuing" }),
        store.waitForRollouts([gone], { timeoutMs: 0 }),
      ];
      expect(await Promise.all(asked.map(codeOf))).toEqual(asked.map(() => "E_NOT_FOUND"));
      expect((await store.queryRollouts()).items.map(({ rolloutId }) => rolloutId)).toEqual([
        left,
        open.rolloutId,
      ]);
      expect((await store.querySpans(left)).items.length).toEqual(1);
    },
  },
  {
    name: "gives nothing of a forgotten rollout to those that come after it",
    async check(store, expect) {
      const gone = await endNew(store);
      await store.deleteRollouts([gone]);
      const next = await claimNew(store);
      expect([next.attempt.sequenceId, await store.nextSequenceId(next.rolloutId)]).toEqual([1, 1]);
      expect((await store.querySpans(next.rolloutId)).total).toEqual(0);
      expect((await store.addSpans([toSpan(next, 1)])).length).toEqual(1);
      expect((await store.querySpans(next.rolloutId)).total).toEqual(1);
    },
  },
  {
    name: "finds rollouts by mode and by top-level values of their metadata",
    async check(store, expect) {
      await store.enqueue([
        { input: 0, mode: "train", metadata: { run: "a", step: 1, reward: 0.1, ok: true, odd: null } },
        { input: 1, mode: "val", metadata: { run: "a", step: 2, reward: 0.30000000000000004, ok: false } },
        { input: 2, mode: "train", metadata: { run: "b", step: 10, reward: -1e21, 'a"b\\c': "x\u0000" } },
        { input: 3, metadata: { run: 1, step: "2", nested: { run: "a" }, list: ["a"], "": "", é: "ü" } },
        { input: 4, metadata: {} },
      ]);
      for (const [query, inputs] of kQueries)
        expect([query, (await store.queryRollouts(query)).items.map(({ input }) => input)]).toEqual([
          query,
          inputs,
        ]);
      const page = await store.queryRollouts({ metadata: { run: "a" }, limit: 1, sortBy: "startTime" });
      expect([page.items.length, page.total]).toEqual([1, 2]);
      for (const filter of kNoFilters) {
        const metadata = { run: filter as MetadataFilter };
        expect([filter, await codeOf(store.queryRollouts({ metadata }))]).toEqual([filter, "E_ARGUMENT"]);
      }
      expect(await codeOf(store.queryRollouts({ mode: "dev" as "val" }))).toEqual("E_ARGUMENT");
    },
  },
  {
    name: "finds rollouts by metadata as it was changed last",
    async check(store, expect) {
      const [rollout] = await store.enqueue([{ input: 0, metadata: { outcome: "none" } }]);
      const count = async (outcome: string) => (await store.queryRollouts({ metadata: { outcome } })).total;
      expect([await count("none"), await count("ok")]).toEqual([1, 0]);
      await store.updateRollout(rollout?.rolloutId ?? "", { metadata: { outcome: "ok" }, mode: "test" });
      expect([await count("none"), await count("ok")]).toEqual([0, 1]);
      expect((await store.queryRollouts({ mode: "test" })).total).toEqual(1);
    },
  },
  {
    name: "tells which rollouts changed after a cursor, as they are now, in any pages",
    async check(store, expect) {
      const queued = await store.enqueue(Array.from({ length: 7 }, (_, input) => ({ input })));
      const all = await store.changes();
      expect(all.items.map(({ input }) => input)).toEqual([0, 1, 2, 3, 4, 5, 6]);
      const claimed = await claimOne(store);
      await store.cancel(queued[3]?.rolloutId ?? "");
      const { items } = await store.changes(all.cursor);
      expect(await store.getRollout(claimed.rolloutId)).toEqual(items.find(isOf(claimed.rolloutId)));
      expect(items.find(isOf(queued[3]?.rolloutId ?? ""))?.status).toEqual("cancelled");
      const seen: unknown[] = [];
      for (let page = await store.changes(undefined, 2); ; page = await store.changes(page.cursor, 2)) {
        seen.push(...page.items.map(({ input }) => input));
        if (page.items.length < 2) break;
      }
      expect(seen).toEqual([1, 2, 4, 5, 6, 0, 3]);
    },
  },
  {
    name: "tells every kind of change but signs of life, also after what changed last is forgotten",
    async check(store, expect) {
      const first = await claimNew(store, {}, "w");
      const isTold = async (change: () => Promise<unknown>) => {
        const { cursor } = await store.changes();
        await change();
        return (await store.changes(cursor)).items.some(isOf(first.rolloutId));
      };
      const { rolloutId } = first;
      const told = [
        await isTold(() => store.addSpans([toSpan(first, 1)])),
        await isTold(() => store.updateAttempt(rolloutId, "latest", { metadata: { a: 1 } })),
        await isTold(() => store.updateRollout(rolloutId, { metadata: { b: 1 } })),
        await isTold(() => store.updateAttempt(rolloutId, "latest", { status: "failed" })),
        await isTold(() => store.updateRollout(rolloutId, { status: "queuing" })),
        await isTold(async () => store.deleteRollouts([await endNew(store)])),
      ];
      expect(told.slice(0, 5)).toEqual([true, true, true, true, true]);
      const last = await endNew(store);
      const { cursor } = await store.changes();
      await store.deleteRollouts([last]);
      const [after] = await store.enqueue([{ input: "after" }]);
      expect((await store.changes(cursor)).items.some(isOf(after?.rolloutId ?? ""))).toEqual(true);
      expect((await store.changes()).items.some(isOf(last))).toEqual(false);
    },
  },
  {
    name: "refuses a cursor that it did not give",
    async check(store, expect) {
      await store.enqueue([{ input: 0 }]);
      for (const cursor of ["", "x", "-1", "1e3", "1.2", "999999999999999", " 1"])
        expect([cursor, await codeOf(store.changes(cursor))]).toEqual([cursor, "E_ARGUMENT"]);
      for (const limit of [0, -1, 1.5, 1e9])
        expect([limit, await codeOf(store.changes(undefined, limit))]).toEqual([limit, "E_ARGUMENT"]);
    },
  },
];

// --- internal ---

const kQueries: readonly (readonly [RolloutQuery, readonly number[]])[] = [
  [{ mode: "train" }, [0, 2]],
  [{ mode: "test" }, []],
  [{ metadata: {} }, [0, 1, 2, 3, 4]],
  [{ metadata: { run: "a" } }, [0, 1]],
  [{ metadata: { run: 1 } }, [3]],
  [{ metadata: { run: "1" } }, []],
  [{ metadata: { step: 2 } }, [1]],
  [{ metadata: { step: "2" } }, [3]],
  [{ metadata: { ok: true } }, [0]],
  [{ metadata: { ok: false } }, [1]],
  [{ metadata: { odd: null } }, [0]],
  [{ metadata: { reward: 0.30000000000000004 } }, [1]],
  [{ metadata: { reward: 0.3 } }, []],
  [{ metadata: { reward: { min: 0.30000000000000004 } } }, [1]],
  [{ metadata: { reward: { max: 0.1 } } }, [0, 2]],
  [{ metadata: { reward: { max: -1e21 } } }, [2]],
  [{ metadata: { step: { min: 2, max: 10 } } }, [1, 2]],
  [{ metadata: { step: { min: 3, max: 2 } } }, []],
  [{ metadata: { nested: "a" } }, []],
  [{ metadata: { list: "a" } }, []],
  [{ metadata: { "": "" } }, [3]],
  [{ metadata: { é: "ü" } }, [3]],
  [{ metadata: { 'a"b\\c': "x\u0000" } }, [2]],
  [{ metadata: { 'a"b\\c': "x" } }, []],
  [{ metadata: { run: "a", step: 1 } }, [0]],
  [{ metadata: { run: "b", step: 1 }, filterLogic: "or" }, [0, 2]],
  [{ metadata: { run: "a" }, mode: "val" }, [1]],
  [{ metadata: { missing: "x", 'a"b\\c': "x\u0000" }, mode: "val", filterLogic: "or" }, [1, 2]],
  [{ metadata: { run: "a" }, sortBy: "rolloutId", limit: 1, offset: 5 }, []],
];
const kNoFilters: readonly unknown[] = [
  {},
  [],
  ["a"],
  { min: "1" },
  { min: 1, step: 2 },
  Number.NaN,
  { max: Number.NaN },
];

/** Of a rollout that ended with one span. */
async function endNew(store: LightningStore): Promise<string> {
  const started = await store.startRollout({ input: "to end" });
  await store.addSpans([toSpan(started, 1)]);
  await store.updateAttempt(started.rolloutId, "latest", { status: "succeeded" });
  return started.rolloutId;
}

function isOf(rolloutId: string) {
  return (rollout: { readonly rolloutId: string }) => rollout.rolloutId === rolloutId;
}
