// Laws of claims that wait for the queue.
import { performance } from "../../base/clock.js";
import { claimNew, codeOf, kPatienceMs, type Law, pause } from "./law.js";

export const claimLaws: readonly Law[] = [
  {
    name: "gives a rollout that several ask for by its id to one of them, wherever it is in the queue",
    async check(store, expect) {
      const [first, wanted] = await store.enqueue([{ input: 1 }, { input: 2 }]);
      const rolloutId = wanted?.rolloutId ?? "";
      const ask = (_: unknown, i: number) => store.claimRollout(rolloutId, `w${i}`);
      const asked = await Promise.allSettled(Array.from({ length: 10 }, ask));
      const got = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(got.map(({ input, status, attempt }) => [input, status, attempt.sequenceId])).toEqual([
        [2, "preparing", 1],
      ]);
      const worker = await store.getWorker(got[0]?.attempt.workerId ?? "");
      expect([worker.status, worker.currentRolloutId]).toEqual(["busy", rolloutId]);
      expect((await store.queryAttempts(rolloutId)).total).toEqual(1);
      expect((await store.claim(null, 5)).map(({ rolloutId: id }) => id)).toEqual([first?.rolloutId]);
      expect(await codeOf(store.claimRollout(rolloutId))).toEqual("E_STATE");
      expect(await codeOf(store.claimRollout("ro-none"))).toEqual("E_NOT_FOUND");
      await store.updateRollout(rolloutId, { status: "requeuing" });
      expect((await store.claimRollout(rolloutId)).attempt.sequenceId).toEqual(2);
    },
  },
  {
    name: "wakes a claim that waits when a rollout is queued, and when one is queued again",
    async check(store, expect) {
      const start = performance.now();
      const wait = () => store.claim("w", 1, { timeoutMs: kPatienceMs });
      const first = wait();
      await pause(20);
      const [queued] = await store.enqueue([
        { input: 1, config: { maxAttempts: 2, retryCondition: ["failed"] } },
      ]);
      expect((await first).map(({ rolloutId }) => rolloutId)).toEqual([queued?.rolloutId]);
      const second = wait();
      await pause(20);
      await store.updateAttempt(queued?.rolloutId ?? "", "latest", { status: "failed" });
      expect((await second).map(({ attempt }) => attempt.sequenceId)).toEqual([2]);
      const third = store.claim("w", 1, {});
      await pause(20);
      await store.updateAttempt(queued?.rolloutId ?? "", "latest", { status: "failed" });
      await store.updateRollout(queued?.rolloutId ?? "", { status: "queuing" });
      expect((await third).map(({ attempt }) => attempt.sequenceId)).toEqual([3]);
      // Woken, not timed out.
      expect(performance.now() - start < kPatienceMs / 2).toEqual(true);
    },
  },
  {
    name: "hands what is queued to claims that wait, each to one, and lets the others wait on",
    async check(store, expect) {
      const waits = Array.from({ length: 6 }, (_, w) => store.claim(`w${w}`, 2, { timeoutMs: 500 }));
      const early = store.enqueue([{ input: 0 }, { input: 1 }, { input: 2 }]);
      await early;
      const late = await store.enqueue([{ input: 3 }]);
      const claimed = (await Promise.all(waits)).flat().map(({ rolloutId }) => rolloutId);
      const queued = [...(await early), ...late].map(({ rolloutId }) => rolloutId);
      expect(claimed.toSorted()).toEqual(queued.toSorted());
      expect(await store.claim(null)).toEqual([]);
    },
  },
  {
    name: "ends a claim's wait with nothing at its timeout, and waits only when told to",
    async check(store, expect) {
      const start = performance.now();
      expect([await store.claim("w"), await store.claim("w", 1, { timeoutMs: 0 })]).toEqual([[], []]);
      expect(await store.claim("w", 0, { timeoutMs: kPatienceMs })).toEqual([]);
      expect(performance.now() - start < kPatienceMs / 2).toEqual(true);
      const asked = performance.now();
      expect(await store.claim("w", 1, { timeoutMs: 50 })).toEqual([]);
      // Timers may be a millisecond early.
      const tookMs = performance.now() - asked;
      expect([tookMs >= 45, tookMs < kPatienceMs / 2]).toEqual([true, true]);
      expect((await store.getWorker("w")).status).toEqual("idle");
    },
  },
  {
    name: "rejects a claim that waits with its signal's reason, and keeps what is queued later for others",
    async check(store, expect) {
      const reason = new Error("enough");
      const controller = new AbortController();
      const caught = store
        .claim("w", 1, { signal: controller.signal, timeoutMs: kPatienceMs })
        .catch((error: unknown) => error);
      await pause(20);
      controller.abort(reason);
      expect((await caught) === reason).toEqual(true);
      const [queued] = await store.enqueue([{ input: 1 }]);
      const late = store.claim("w", 1, { signal: AbortSignal.abort(reason) });
      expect((await late.catch((error: unknown) => error)) === reason).toEqual(true);
      expect((await store.claim("v")).map(({ rolloutId }) => rolloutId)).toEqual([queued?.rolloutId]);
    },
  },
  {
    name: "rejects a claim that waits with E_CLOSED when the store is closed",
    async check(store, expect) {
      await claimNew(store);
      const wait = codeOf(store.claim("w", 1, {}));
      await pause(20);
      await store.close();
      expect(await wait).toEqual("E_CLOSED");
    },
  },
];
