// Laws of attempts that prepare: none does for ever, and none is cut while somebody speaks for it. They measure real time.
import { wallClock } from "../../base/clock.js";
import type { LightningStore } from "../store.js";
import { claimNew, claimOne, codeOf, type Law, pause, statusesOf, toSpan, until } from "./law.js";

export const preparingLaws: readonly Law[] = [
  {
    name: "ends an attempt that prepares in silence, without limits too, and queues its rollout once more",
    options: { preparingSeconds: 0.05 },
    async check(store, expect) {
      // Its claimer asks on, and gives signs of life: the answer that gave it away was lost.
      const { rolloutId } = await claimNew(store, {}, "w");
      await pause(10);
      await store.claim("w");
      await until(async () => {
        await store.heartbeat("w");
        return (await store.getRollout(rolloutId)).status === "requeuing";
      });
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "unresponsive"]);
      expect((await claimOne(store, "v")).attempt.sequenceId).toEqual(2);
      const [ended] = await store.waitForRollouts([rolloutId], { timeoutMs: 5000 });
      expect(ended?.status).toEqual("failed");
      expect(await statusesOf(store, rolloutId)).toEqual(["failed", "unresponsive", "unresponsive"]);
    },
  },
  {
    name: "goes on with an attempt that was taken for lost, when it speaks before another begins",
    options: { preparingSeconds: 0.05 },
    async check(store, expect) {
      const claimed = await claimNew(store);
      const { rolloutId } = claimed;
      await until(async () => (await store.getRollout(rolloutId)).status === "requeuing");
      await store.addSpans([toSpan(claimed, 1)]);
      expect(await statusesOf(store, rolloutId)).toEqual(["running", "running"]);
      expect(await store.claim("v")).toEqual([]);
      await pause(150);
      expect(await statusesOf(store, rolloutId)).toEqual(["running", "running"]);
    },
  },
  {
    name: "lets an attempt prepare for as long as its worker, or a change of it, gives signs of life",
    options: { preparingSeconds: 0.8 },
    async check(store, expect) {
      const beaten = await claimNew(store, {}, "one");
      const told = await claimNew(store, {}, "many");
      // Of this one its worker speaks once, so that asking for more says nothing.
      const asked = await claimNew(store, {}, "many");
      const silent = await claimNew(store, {}, "none");
      await pause(10);
      await store.claim("many");
      await store.updateAttempt(asked.rolloutId, "latest", { metadata: { mine: true } });
      for (let i = 0; i < 12; i++) {
        await store.heartbeat("one");
        await store.heartbeat("many");
        await store.updateAttempt(told.rolloutId, "latest", { metadata: { i } });
        await pause(100);
      }
      for (const { rolloutId } of [beaten, told, asked])
        expect(await statusesOf(store, rolloutId)).toEqual(["preparing", "preparing"]);
      await until(async () => (await store.getRollout(silent.rolloutId)).status === "requeuing");
      expect(await statusesOf(store, silent.rolloutId)).toEqual(["requeuing", "unresponsive"]);
      // And no longer.
      await until(async () => (await requeued(store)) === 4);
      expect(await requeued(store)).toEqual(4);
    },
  },
  {
    name: "takes a sign of life from the future for one of now, and none from no time at all",
    options: { preparingSeconds: 0.05 },
    async check(store, expect) {
      const { rolloutId } = await claimNew(store);
      const inMilliseconds = { lastHeartbeatTime: wallClock.now() };
      const told = await store.updateAttempt(rolloutId, "latest", inMilliseconds);
      expect((told.lastHeartbeatTime ?? 0) > 0 && (told.lastHeartbeatTime ?? 0) < 1e11).toEqual(true);
      await until(async () => (await store.getRollout(rolloutId)).status === "requeuing");
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "unresponsive"]);
      for (const lastHeartbeatTime of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        expect(await codeOf(store.updateAttempt(rolloutId, "latest", { lastHeartbeatTime }))).toEqual(
          "E_ARGUMENT",
        );
      expect(await statusesOf(store, rolloutId)).toEqual(["requeuing", "unresponsive"]);
    },
  },
];

// --- internal ---

async function requeued(store: LightningStore): Promise<number> {
  return (await store.queryRollouts({ statusIn: ["requeuing"] })).total;
}
