// Laws of spans, queries and workers.
import type { Span } from "../../types/span.js";
import { claimNew, codeOf, type Law, statusesOf, toSpan } from "./law.js";

export const spanLaws: readonly Law[] = [
  {
    name: "keeps a span once for each attempt, and answers null for one it has",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const [one, two] = [toSpan(claimed, 1), toSpan(claimed, 2)];
      expect(await store.addSpans([one, two, one])).toEqual([one, two, null]);
      expect(await store.addSpans([two])).toEqual([null]);
      const again = await store.startAttempt(claimed.rolloutId);
      expect(await store.addSpans([toSpan(again, 1)])).toEqual([toSpan(again, 1)]);
      expect((await store.querySpans(claimed.rolloutId)).total).toEqual(3);
      expect((await store.querySpans(claimed.rolloutId, { attemptId: "latest" })).items).toEqual([
        toSpan(again, 1),
      ]);
    },
  },
  {
    name: "keeps spans of many attempts in one call, however they are mixed, each in its own, and hears from all",
    async check(store, expect) {
      const first = await claimNew(store);
      const second = await claimNew(store);
      const again = await store.startAttempt(first.rolloutId);
      // Two attempts of one rollout may have spans of one id.
      const mixed = [
        ...[toSpan(first, 1), toSpan(second, 2), toSpan(again, 3)],
        ...[toSpan(first, 3), toSpan(again, 5), toSpan(second, 6)],
      ];
      expect(await store.addSpans(mixed)).toEqual(mixed);
      const kept = async (claimed: typeof first) => {
        const { attemptId, rolloutId } = claimed.attempt;
        const { items } = await store.querySpans(rolloutId, { attemptId });
        return items.map(({ sequenceId }) => sequenceId);
      };
      expect([await kept(first), await kept(second), await kept(again)]).toEqual([
        [1, 3],
        [2, 6],
        [3, 5],
      ]);
      expect(await statusesOf(store, second.rolloutId)).toEqual(["running", "running"]);
      expect(await statusesOf(store, first.rolloutId)).toEqual(["running", "running", "running"]);
    },
  },
  {
    name: "keeps spans with numbers that JSON cannot hold, and all of them and of their rollout stay readable",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const attributes = { good: 1, lost: Number.NaN, list: [1, Number.POSITIVE_INFINITY] };
      const events = [{ name: "e", attributes, timestamp: 1 }];
      await store.addSpans([{ ...toSpan(claimed, 1), attributes, events }, toSpan(claimed, 2)]);
      const { items } = await store.querySpans(claimed.rolloutId);
      const good = items.map((span) => [span.attributes.good, span.events[0]?.attributes.good]);
      expect(good).toEqual([
        [1, 1],
        [undefined, undefined],
      ]);
    },
  },
  {
    name: "orders spans by their place in the rollout, whatever order they came in",
    async check(store, expect) {
      const claimed = await claimNew(store);
      await store.addSpans([7, 3, 5].map((sequenceId) => toSpan(claimed, sequenceId)));
      await store.addSpans([toSpan(claimed, 4)]);
      const order = (await store.querySpans(claimed.rolloutId)).items.map(({ sequenceId }) => sequenceId);
      expect(order).toEqual([3, 4, 5, 7]);
    },
  },
  {
    name: "gives each place in a rollout once, from 1 and above every span it keeps",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const take = () => store.nextSequenceId(claimed.rolloutId);
      const taken = await Promise.all(Array.from({ length: 20 }, take));
      expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      await store.addSpans([toSpan(claimed, 30)]);
      expect(await take()).toEqual(31);
      expect(await store.nextSequenceId((await claimNew(store)).rolloutId)).toEqual(1);
    },
  },
  {
    name: "keeps all spans of a call or none",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const stray = { ...toSpan(claimed, 2), attemptId: "at-unknown" };
      expect(await codeOf(store.addSpans([toSpan(claimed, 1), stray]))).toEqual("E_NOT_FOUND");
      const misplaced = { ...toSpan(claimed, 2), sequenceId: 0.5 };
      expect(await codeOf(store.addSpans([toSpan(claimed, 1), misplaced]))).toEqual("E_ARGUMENT");
      const unnamed = { ...toSpan(claimed, 2), attemptId: "latest" };
      expect(await codeOf(store.addSpans([toSpan(claimed, 1), unnamed]))).toEqual("E_ARGUMENT");
      expect((await store.querySpans(claimed.rolloutId)).items).toEqual([]);
    },
  },
  {
    name: "takes a span for a sign of life: attempt and rollout run",
    async check(store, expect) {
      const claimed = await claimNew(store);
      expect(await statusesOf(store, claimed.rolloutId)).toEqual(["preparing", "preparing"]);
      await store.addSpans([toSpan(claimed, 1)]);
      expect(await statusesOf(store, claimed.rolloutId)).toEqual(["running", "running"]);
      expect((await store.getLatestAttempt(claimed.rolloutId))?.lastHeartbeatTime !== null).toEqual(true);
      await store.updateAttempt(claimed.rolloutId, "latest", { status: "failed" });
      await store.addSpans([toSpan(claimed, 2)]);
      expect(await statusesOf(store, claimed.rolloutId)).toEqual(["failed", "failed"]);
    },
  },
  {
    name: "filters by all or by any, sorts, and pages with the total before paging",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const { rolloutId } = claimed;
      await store.addSpans([
        toSpan(claimed, 1, "plan"),
        toSpan(claimed, 2, "act"),
        toSpan(claimed, 3, "plan"),
      ]);
      const find = async (query: Parameters<typeof store.querySpans>[1]) =>
        (await store.querySpans(rolloutId, query)).items.map(({ sequenceId }) => sequenceId);
      const third = "3".padStart(16, "0");
      expect(await find({ name: "plan", spanId: third })).toEqual([3]);
      expect(await find({ name: "act", spanId: third, filterLogic: "or" })).toEqual([2, 3]);
      expect(await find({ nameContains: "la" })).toEqual([1, 3]);
      expect(await find({ sortBy: "name", sortOrder: "desc" })).toEqual([1, 3, 2]);
      expect(await store.querySpans(rolloutId, { limit: 1, offset: 1 })).toEqual({
        items: [toSpan(claimed, 2, "act")],
        limit: 1,
        offset: 1,
        total: 3,
      });
    },
  },
  {
    name: "finds rollouts by status and id, and none by an empty list",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
      const [queued] = await store.enqueue([{ input: 2 }]);
      const find = async (query: Parameters<typeof store.queryRollouts>[0]) =>
        (await store.queryRollouts(query)).items.map((rollout) => rollout.rolloutId);
      expect(await find({})).toEqual([rolloutId, queued?.rolloutId]);
      expect(await find({ statusIn: ["succeeded"] })).toEqual([rolloutId]);
      expect(await find({ rolloutIdIn: [] })).toEqual([]);
      expect(await find({ statusIn: ["queuing"], rolloutIdIn: [rolloutId], filterLogic: "or" })).toEqual([
        rolloutId,
        queued?.rolloutId,
      ]);
      // No end is the end of time.
      expect(await find({ sortBy: "endTime", sortOrder: "desc" })).toEqual([queued?.rolloutId, rolloutId]);
      const withAttempt = (await store.queryRollouts()).items.map((rollout) => "attempt" in rollout);
      expect(withAttempt).toEqual([true, false]);
    },
  },
  {
    name: "refuses spans without a time or an id, which no export could bring back",
    async check(store, expect) {
      const claimed = await claimNew(store);
      const span = toSpan(claimed, 1);
      const wrong: readonly Span[] = [
        { ...span, spanId: null as unknown as string },
        { ...span, startTime: "soon" as unknown as number },
        { ...span, startTime: undefined as unknown as number },
        { ...span, endTime: "late" as unknown as number },
      ];
      for (const one of wrong) expect(await codeOf(store.addSpans([one]))).toEqual("E_ARGUMENT");
      expect((await store.querySpans(claimed.rolloutId)).total).toEqual(0);
    },
  },
  {
    name: "refuses queries that mean nothing",
    async check(store, expect) {
      const queries = [{ limit: 0 }, { limit: -1 }, { offset: -1 }, { sortBy: "nothing" as "status" }];
      const codes = await Promise.all(queries.map((query) => codeOf(store.queryRollouts(query))));
      expect(codes).toEqual(queries.map(() => "E_ARGUMENT"));
    },
  },
  {
    name: "shows a worker busy with what it claimed last, idle after it, and unknown when that was lost",
    async check(store, expect) {
      const work = async () => {
        const { status, currentRolloutId } = await store.getWorker("w");
        return [status, currentRolloutId];
      };
      const first = await claimNew(store, {}, "w");
      expect(await work()).toEqual(["busy", first.rolloutId]);
      await store.updateAttempt(first.rolloutId, "latest", { status: "succeeded" });
      expect(await work()).toEqual(["idle", null]);
      const second = await claimNew(store, {}, "w");
      await store.updateAttempt(second.rolloutId, "latest", { status: "unresponsive" });
      expect((await work())[0]).toEqual("unknown");
      await store.addSpans([toSpan(second, 1)]);
      expect(await work()).toEqual(["busy", second.rolloutId]);
      await store.claim("v");
      const { status, lastDequeueTime } = await store.getWorker("v");
      expect([status, lastDequeueTime !== null]).toEqual(["idle", true]);
      expect(
        (await store.queryWorkers({ statusIn: ["idle"] })).items.map(({ workerId }) => workerId),
      ).toEqual(["v"]);
    },
  },
  {
    name: "keeps a worker's last statistics over heartbeats without any",
    async check(store, expect) {
      await store.heartbeat("w", { cpu: 0.5 });
      const { status, heartbeatStats, lastHeartbeatTime } = await store.heartbeat("w");
      expect([status, heartbeatStats, lastHeartbeatTime !== null]).toEqual(["unknown", { cpu: 0.5 }, true]);
      expect(await codeOf(store.heartbeat(""))).toEqual("E_ARGUMENT");
    },
  },
];
