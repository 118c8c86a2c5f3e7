// Many runners at once on one server: every rollout ends exactly once, no call fails, and memory grows by what is kept and no more.
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { serve } from "../../../src/server/store-api/serve.js";
import { openHttpStore } from "../../../src/store/http/open-http-store.js";
import { toSpan } from "../../../src/store/laws/law.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";

const isSlow = Boolean(process.env.AGL_SLOW_TESTS);
const [kRunners, kSeconds] = isSlow ? [1000, 120] : [200, 3];
/** Of a rollout with its attempt, a span and what finds them, generously. */
const kBytesPerRollout = 8_000;

describe("a store server", () => {
  it(
    `serves ${kRunners} runners for ${kSeconds} s without an error, each rollout to one of them`,
    async () => {
      const store = createMemoryStore();
      await using server = await serve({ store, port: 0, onError: (error) => errors.push(error) });
      const client = await openHttpStore(server.url);
      const errors: unknown[] = [];
      const ended = new Map<string, number>();
      const end = performance.now() + kSeconds * 1000;
      const isOver = () => performance.now() > end;
      const run = async (worker: number) => {
        while (!isOver()) {
          const [claimed] = await client.claim(`w-${worker}`, 1, { timeoutMs: 500 });
          if (claimed === undefined) continue;
          await client.heartbeat(`w-${worker}`);
          await client.addSpans([toSpan(claimed, await client.nextSequenceId(claimed.rolloutId))]);
          await client.updateAttempt(claimed.rolloutId, claimed.attempt.attemptId, { status: "succeeded" });
          ended.set(claimed.rolloutId, (ended.get(claimed.rolloutId) ?? 0) + 1);
        }
      };
      const produce = async () => {
        for (let i = 0; !isOver(); i++) {
          await client.enqueue([{ input: i }, { input: i }]);
          await pause(10);
        }
      };
      const before = heapBytes();
      const work = [produce(), ...Array.from({ length: kRunners }, (_, worker) => run(worker))];
      for (const result of await Promise.allSettled(work))
        if (result.status === "rejected") errors.push(result.reason);
      expect(errors).toEqual([]);
      expect(ended.size).toBeGreaterThan(0);
      expect([...ended.values()].filter((times) => times !== 1)).toEqual([]);
      const { total } = await store.queryRollouts({ statusIn: ["succeeded"] });
      expect(total).toBe(ended.size);
      const { rollouts, attempts, spans } = await store.statistics();
      expect([attempts, spans]).toEqual([ended.size, ended.size]);
      await client.close();
      expect((heapBytes() - before) / rollouts).toBeLessThan(kBytesPerRollout + 20_000_000 / rollouts);
      await store.close();
    },
    (kSeconds + 60) * 1000,
  );
});

// --- internal ---

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}
