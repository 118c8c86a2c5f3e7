// Laws of the queue, of attempts and their retries, and of resources bound to rollouts.
import { claimNew, claimOne, codeOf, type Law, statusesOf, toSpan } from "./law.js";

export const queueLaws: readonly Law[] = [
  {
    name: "keeps metadata and a worker's statistics under whatever names",
    async check(store, expect) {
      // As it comes from JSON: a property like the others.
      const odd = JSON.parse('{"__proto__":{"a":1},"constructor":2,"":3}');
      const [queued] = await store.enqueue([{ input: odd, metadata: odd }]);
      const claimed = await claimOne(store);
      await store.updateAttempt(claimed.rolloutId, "latest", { metadata: odd });
      const worker = await store.heartbeat("w", odd);
      const rollout = await store.getRollout(claimed.rolloutId);
      const kept = [queued?.metadata, rollout.metadata, rollout.input, worker.heartbeatStats];
      const attempt = await store.getLatestAttempt(claimed.rolloutId);
      const texts = [...kept, attempt?.metadata].map((value) => Object.entries(value as object).toSorted());
      expect(texts).toEqual(texts.map(() => Object.entries(odd).toSorted()));
    },
  },
  {
    name: "hands each queued rollout to exactly one claimer, oldest first",
    async check(store, expect) {
      const queued = await store.enqueue(Array.from({ length: 50 }, (_, input) => ({ input })));
      const claims = await Promise.all(Array.from({ length: 80 }, (_, w) => store.claim(`worker-${w}`)));
      const claimed = claims.flat();
      expect(claimed.map(({ rolloutId }) => rolloutId)).toEqual(queued.map(({ rolloutId }) => rolloutId));
      expect(claimed.map(({ input }) => input)).toEqual(queued.map((_, input) => input));
    },
  },
  {
    name: "claims at most what is asked, in order, and nothing for a limit of 0",
    async check(store, expect) {
      const queued = await store.enqueue([{ input: "a" }, { input: "b" }, { input: "c" }]);
      expect([await store.claim("w", 0), (await store.queryWorkers()).total]).toEqual([[], 0]);
      const inputs = async (limit: number) => (await store.claim("w", limit)).map(({ input }) => input);
      expect([await inputs(2), await inputs(2), await inputs(2)]).toEqual([["a", "b"], ["c"], []]);
      expect(queued.map(({ status, metadata, endTime }) => ({ status, metadata, endTime }))).toEqual(
        queued.map(() => ({ status: "queuing", metadata: {}, endTime: null })),
      );
    },
  },
  {
    name: "starts a rollout without the queue, and a further attempt of it numbered one higher",
    async check(store, expect) {
      const started = await store.startRollout({ input: 1, mode: "val" }, "w");
      expect([started.status, started.mode, started.attempt.sequenceId]).toEqual(["preparing", "val", 1]);
      const again = await store.startAttempt(started.rolloutId, "v");
      expect([again.attempt.sequenceId, again.attempt.workerId]).toEqual([2, "v"]);
      expect(await store.getLatestAttempt(started.rolloutId)).toEqual(again.attempt);
      expect(await store.claim("w")).toEqual([]);
    },
  },
  {
    name: "retries what the configuration retries until its attempts are used up, and nothing else",
    async check(store, expect) {
      const config = { maxAttempts: 3, retryCondition: ["failed" as const] };
      const { rolloutId, attempt } = await claimNew(store, config);
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "failed" });
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "failed"]);
      for (const left of ["requeuing", "failed"]) {
        expect((await claimOne(store)).rolloutId).toEqual(rolloutId);
        await store.updateAttempt(rolloutId, "latest", { status: "failed" });
        expect((await store.getRollout(rolloutId)).status).toEqual(left);
      }
      expect(await store.claim(null)).toEqual([]);
      const other = await claimNew(store, config);
      await store.updateAttempt(other.rolloutId, "latest", { status: "timeout" });
      expect(await statusesOf(store, other.rolloutId)).toEqual(["failed", "timeout"]);
    },
  },
  {
    name: "puts a retried rollout behind those that waited longer",
    async check(store, expect) {
      const first = await claimNew(store, { maxAttempts: 2, retryCondition: ["failed"] });
      const [second] = await store.enqueue([{ input: 2 }]);
      await store.updateAttempt(first.rolloutId, "latest", { status: "failed" });
      const order = [(await claimOne(store)).rolloutId, (await claimOne(store)).rolloutId];
      expect(order).toEqual([second?.rolloutId, first.rolloutId]);
    },
  },
  {
    name: "refuses to move what has ended, and changes nothing then",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
      const before = [await store.getRollout(rolloutId), await store.getLatestAttempt(rolloutId)];
      expect(await codeOf(store.updateAttempt(rolloutId, "latest", { status: "failed" }))).toEqual("E_STATE");
      expect(await codeOf(store.updateRollout(rolloutId, { status: "running" }))).toEqual("E_STATE");
      expect(await codeOf(store.cancel(rolloutId))).toEqual("E_STATE");
      expect(await codeOf(store.startAttempt(rolloutId))).toEqual("E_STATE");
      expect([await store.getRollout(rolloutId), await store.getLatestAttempt(rolloutId)]).toEqual(before);
    },
  },
  {
    name: "lets one of two callers that race for an attempt's end win",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      const end = (status: "succeeded" | "failed") =>
        codeOf(store.updateAttempt(rolloutId, "latest", { status }));
      const codes = await Promise.all([end("succeeded"), end("failed")]);
      expect(codes.toSorted()).toEqual(["E_STATE", "resolved"]);
    },
  },
  {
    name: "keeps a cancelled rollout cancelled, out of the queue, whatever its attempt reports",
    async check(store, expect) {
      const [queued] = await store.enqueue([{ input: 1 }]);
      const cancelled = await store.cancel(queued?.rolloutId ?? "");
      expect([cancelled.status, cancelled.endTime !== null]).toEqual(["cancelled", true]);
      expect(await store.claim(null)).toEqual([]);
      const { rolloutId } = await claimNew(store);
      await store.cancel(rolloutId);
      await store.updateAttempt(rolloutId, "latest", { status: "succeeded" });
      expect(await statusesOf(store, rolloutId)).toEqual(["cancelled", "succeeded"]);
      expect((await store.cancel(rolloutId)).status).toEqual("cancelled");
    },
  },
  {
    name: "queues an ended rollout again when told to, with its end forgotten",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      await store.updateAttempt(rolloutId, "latest", { status: "failed" });
      const queued = await store.updateRollout(rolloutId, { status: "requeuing", metadata: { again: true } });
      expect([queued.status, queued.endTime, queued.metadata]).toEqual(["requeuing", null, { again: true }]);
      expect((await claimOne(store)).attempt.sequenceId).toEqual(2);
    },
  },
  {
    name: "lets an unresponsive attempt speak again, while the rollout follows only its latest attempt",
    async check(store, expect) {
      const first = await claimNew(store, { maxAttempts: 2, retryCondition: ["unresponsive"] });
      const { rolloutId } = first;
      await store.updateAttempt(rolloutId, "latest", { status: "unresponsive" });
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "unresponsive"]);
      await store.addSpans([toSpan(first, 1)]);
      expect(await statusesOf(store, rolloutId)).toEqual(["running", "running"]);
      await store.updateAttempt(rolloutId, "latest", { status: "unresponsive" });
      await claimOne(store);
      await store.addSpans([toSpan(first, 2)]);
      expect(await statusesOf(store, rolloutId)).toEqual(["preparing", "running", "preparing"]);
      await store.updateAttempt(rolloutId, first.attempt.attemptId, { status: "succeeded" });
      expect(await statusesOf(store, rolloutId)).toEqual(["preparing", "succeeded", "preparing"]);
    },
  },
  {
    name: "binds a rollout to the resources that are the latest when it is enqueued",
    async check(store, expect) {
      const template = (text: string) => ({
        prompt: { resourceType: "prompt_template", template: text, engine: "f-string" } as const,
      });
      const [before] = await store.enqueue([{ input: 0 }]);
      const one = await store.addResources(template("one"));
      const [bound] = await store.enqueue([{ input: 1 }]);
      const two = await store.updateResources("mine", template("two"));
      const [chosen] = await store.enqueue([{ input: 2, resourcesId: one.resourcesId }]);
      const ids = [before, bound, chosen].map((rollout) => rollout?.resourcesId);
      expect(ids).toEqual([null, one.resourcesId, one.resourcesId]);
      expect((await store.startRollout({ input: 3 })).resourcesId).toEqual("mine");
      const three = await store.updateResources("mine", template("three"));
      expect([one.version, two.version, three.version]).toEqual([1, 1, 2]);
      expect(await store.getLatestResources()).toEqual(three);
      expect(await store.getResources("mine")).toEqual(three);
      expect(await store.getResources("mine", 1)).toEqual(two);
      expect((await store.queryResources()).items).toEqual([one, three]);
      const unknown = store.enqueue([{ input: 4 }, { input: 5, resourcesId: "none" }]);
      expect(await codeOf(unknown)).toEqual("E_NOT_FOUND");
      expect((await store.statistics()).rollouts).toEqual(4);
    },
  },
  {
    name: "binds a rollout to the version that its resources have then, for every attempt, until it is told otherwise",
    async check(store, expect) {
      const bound = async (rolloutId: string) => {
        const { resourcesId, resourcesVersion } = await store.getRollout(rolloutId);
        return [resourcesId, resourcesVersion];
      };
      const [before] = await store.enqueue([{ input: 0 }]);
      expect([before?.resourcesId, before?.resourcesVersion]).toEqual([null, null]);
      await store.cancel(before?.rolloutId ?? "");
      await store.updateResources("mine", {});
      const config = { maxAttempts: 2, retryCondition: ["failed"] as const };
      const [named] = await store.enqueue([{ input: 1, resourcesId: "mine", config }]);
      const [latest] = await store.enqueue([{ input: 2 }]);
      await store.updateResources("mine", {});
      await store.addResources({});
      const started = await store.startRollout({ input: 3, resourcesId: "mine" });
      const versions = [named, latest, started].map((rollout) => rollout?.resourcesVersion);
      expect(versions).toEqual([1, 1, 2]);
      const first = await claimOne(store);
      await store.updateAttempt(first.rolloutId, "latest", { status: "failed" });
      await store.updateResources("mine", {});
      expect((await claimOne(store)).resourcesVersion).toEqual(1);
      const again = await claimOne(store);
      expect([again.rolloutId, again.attempt.sequenceId]).toEqual([first.rolloutId, 2]);
      expect([again.resourcesId, again.resourcesVersion]).toEqual(["mine", 1]);
      const { rolloutId } = again;
      await store.updateRollout(rolloutId, { metadata: { n: 1 } });
      expect(await bound(rolloutId)).toEqual(["mine", 1]);
      await store.updateRollout(rolloutId, { resourcesId: "mine" });
      expect(await bound(rolloutId)).toEqual(["mine", 3]);
      expect(await codeOf(store.updateRollout(rolloutId, { resourcesId: "none" }))).toEqual("E_NOT_FOUND");
      await store.updateRollout(rolloutId, { resourcesId: null });
      expect(await bound(rolloutId)).toEqual([null, null]);
    },
  },
];
