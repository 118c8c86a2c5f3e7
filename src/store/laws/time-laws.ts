// Laws of waits, deadlines and close. They measure real time: tens of milliseconds where all is well, seconds where it is not.
import { performance, wallClock } from "../../base/clock.js";
import { claimNew, codeOf, kPatienceMs, type Law, pause, statusesOf, toSpan, until } from "./law.js";

export const timeLaws: readonly Law[] = [
  {
    name: "wakes a wait when the last of its rollouts ends, and answers in the order asked",
    async check(store, expect) {
      const [a, b] = await store.enqueue([{ input: "a" }, { input: "b" }]);
      const ids = [b?.rolloutId ?? "", a?.rolloutId ?? ""];
      let isOver = false;
      const start = performance.now();
      const wait = store.waitForRollouts(ids, { timeoutMs: kPatienceMs }).finally(() => {
        isOver = true;
      });
      await store.cancel(ids[1] ?? "");
      await pause(20);
      expect(isOver).toEqual(false);
      await store.claim(null);
      await store.updateAttempt(ids[0] ?? "", "latest", { status: "succeeded" });
      const ended = (await wait).map(({ rolloutId, status }) => [rolloutId, status]);
      expect(ended).toEqual([
        [ids[0], "succeeded"],
        [ids[1], "cancelled"],
      ]);
      // Woken, not timed out.
      expect(performance.now() - start < kPatienceMs / 2).toEqual(true);
    },
  },
  {
    name: "refuses to wait until a time that is no number, which would be for ever",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      const wait = { timeoutMs: Number.NaN };
      expect(await codeOf(store.claim("w", 1, wait))).toEqual("E_ARGUMENT");
      expect(await codeOf(store.waitForRollouts([rolloutId], wait))).toEqual("E_ARGUMENT");
    },
  },
  {
    name: "ends a wait at its timeout with those that have ended",
    async check(store, expect) {
      const [a, b] = await store.enqueue([{ input: "a" }, { input: "b" }]);
      const ids = [a?.rolloutId ?? "", b?.rolloutId ?? ""];
      await store.cancel(ids[1] ?? "");
      for (const timeoutMs of [0, 20])
        expect((await store.waitForRollouts(ids, { timeoutMs })).map(({ rolloutId }) => rolloutId)).toEqual([
          ids[1],
        ]);
      expect(await store.waitForRollouts([])).toEqual([]);
    },
  },
  {
    name: "rejects a wait with its signal's reason, also one that aborted before",
    async check(store, expect) {
      const [rollout] = await store.enqueue([{ input: 1 }]);
      const ids = [rollout?.rolloutId ?? ""];
      const reason = new Error("enough");
      const controller = new AbortController();
      const wait = store.waitForRollouts(ids, { signal: controller.signal, timeoutMs: kPatienceMs });
      const caught = wait.catch((error: unknown) => error);
      controller.abort(reason);
      expect((await caught) === reason).toEqual(true);
      const late = store.waitForRollouts(ids, { signal: AbortSignal.abort(reason) });
      expect((await late.catch((error: unknown) => error)) === reason).toEqual(true);
    },
  },
  {
    name: "times an attempt out without any caller, and tries again where configured",
    async check(store, expect) {
      const once = await claimNew(store, { timeoutSeconds: 0.03 });
      const twice = await claimNew(store, {
        timeoutSeconds: 0.03,
        maxAttempts: 2,
        retryCondition: ["timeout"],
      });
      await store.addSpans([toSpan(once, 1)]);
      const ended = await store.waitForRollouts([once.rolloutId], { timeoutMs: kPatienceMs });
      expect(ended.map(({ status }) => status)).toEqual(["failed"]);
      expect(await statusesOf(store, once.rolloutId)).toEqual(["failed", "timeout"]);
      await until(async () => (await store.getRollout(twice.rolloutId)).status === "requeuing");
      expect(await statusesOf(store, twice.rolloutId)).toEqual(["requeuing", "timeout"]);
    },
  },
  {
    name: "calls an attempt unresponsive when it was silent too long, not while it speaks",
    async check(store, expect) {
      const talker = await claimNew(store, { unresponsiveSeconds: 0.3 });
      const silent = await claimNew(store, { unresponsiveSeconds: 0.25 });
      for (let i = 1; i <= 8; i++) {
        await store.addSpans([toSpan(talker, i)]);
        await pause(60);
        expect(await statusesOf(store, talker.rolloutId)).toEqual(["running", "running"]);
      }
      await until(async () => (await store.getRollout(silent.rolloutId)).status === "failed");
      expect(await statusesOf(store, silent.rolloutId)).toEqual(["failed", "unresponsive"]);
      await store.updateAttempt(silent.rolloutId, "latest", { lastHeartbeatTime: wallClock.now() / 1000 });
      expect((await statusesOf(store, silent.rolloutId))[0]).toEqual("running");
      // It spoke, which moved its deadline, and then fell silent.
      await until(async () => (await store.getRollout(talker.rolloutId)).status === "failed");
      expect(await statusesOf(store, talker.rolloutId)).toEqual(["failed", "unresponsive"]);
    },
  },
  {
    name: "refuses limits that are no numbers, conditions that are no list, and a worker without a name",
    async check(store, expect) {
      const [first] = await store.enqueue([{ input: 1 }, { input: 2 }]);
      const { rolloutId } = await store.startRollout({ input: 3 });
      const calls = [
        store.enqueue([{ input: 4, config: { timeoutSeconds: Number.NaN } }]),
        store.startRollout({ input: 4, config: { unresponsiveSeconds: Number.POSITIVE_INFINITY } }),
        store.enqueue([{ input: 4, config: { retryCondition: 5 as unknown as [] } }]),
        store.claim(""),
        store.startRollout({ input: 4 }, ""),
        store.startAttempt(rolloutId, ""),
        store.claimRollout(first?.rolloutId ?? "", ""),
        store.updateAttempt(rolloutId, "latest", { workerId: "" }),
      ];
      expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => "E_ARGUMENT"));
      const { rollouts, attempts, workers } = await store.statistics();
      expect([rollouts, attempts, workers]).toEqual([3, 1, 0]);
    },
  },
  {
    name: "knows no ids that it was not given",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      const calls = [
        store.getRollout("ro-none"),
        store.updateRollout("ro-none", {}),
        store.cancel("ro-none"),
        store.startAttempt("ro-none"),
        store.waitForRollouts(["ro-none"], { timeoutMs: 0 }),
        store.getLatestAttempt("ro-none"),
        store.queryAttempts("ro-none"),
        store.updateAttempt(rolloutId, "at-none", {}),
        store.querySpans("ro-none"),
        store.nextSequenceId("ro-none"),
        store.getResources("rs-none"),
        store.getWorker("none"),
      ];
      const codes = await Promise.all(calls.map(codeOf));
      expect(codes).toEqual(calls.map(() => "E_NOT_FOUND"));
    },
  },
  {
    name: "counts what it keeps",
    async check(store, expect) {
      const claimed = await claimNew(store, {}, "w");
      await store.addSpans([toSpan(claimed, 1), toSpan(claimed, 2)]);
      await store.addResources({});
      const { rollouts, attempts, spans, resources, workers } = await store.statistics();
      expect([rollouts, attempts, spans, resources, workers]).toEqual([1, 1, 2, 1, 1]);
    },
  },
  {
    name: "rejects everything after close, and waits that were open, with E_CLOSED",
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      const wait = codeOf(store.waitForRollouts([rolloutId], { timeoutMs: kPatienceMs }));
      await store.close();
      await store.close();
      const calls = [
        store.enqueue([]),
        store.claim(null),
        store.getRollout(rolloutId),
        store.cancel(rolloutId),
        store.addSpans([]),
        store.getLatestResources(),
        store.statistics(),
        store.waitForRollouts([]),
      ];
      expect([await wait, ...(await Promise.all(calls.map(codeOf)))]).toEqual(Array(9).fill("E_CLOSED"));
    },
  },
];
