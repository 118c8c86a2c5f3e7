// A runner's signs of life, on a clock that the test moves.
import { expect, it, vi } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { createPulse } from "../../src/runner/pulse.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

const rolloutOf = (id: string, unresponsiveSeconds: number | null = null) => ({
  ...{ rolloutId: id, status: "running", config: { unresponsiveSeconds } },
  attempt: { attemptId: `${id}-1`, status: "running", startTime: 50 },
});

function start(known: readonly object[] = [], update: () => Promise<void> = async () => undefined) {
  const seen = { beats: 0, queries: [] as unknown[], updates: [] as unknown[], errors: [] as unknown[] };
  let onQuery: () => void = () => undefined;
  const store = {
    heartbeat: async (workerId: string, stats: object) => {
      expect([workerId, stats]).toEqual(["w", { load: 1 }]);
      seen.beats += 1;
    },
    queryRollouts: async ({ rolloutIdIn }: { rolloutIdIn: unknown }) => {
      seen.queries.push(rolloutIdIn);
      onQuery();
      return { items: known };
    },
    updateAttempt: async (...values: unknown[]) => {
      seen.updates.push(values);
      await update();
    },
  };
  const pulse = createPulse({
    ...{ store: store as never, workerId: "w", heartbeatMs: 1000, stats: () => ({ load: 1 }) },
    onError: (error) => seen.errors.push(error),
  });
  const aborts: string[] = [];
  const add = (claimed: object, isAlive = true) =>
    pulse.add({
      claimed: claimed as never,
      isAlive: () => isAlive,
      abort: (reason) => aborts.push(reason),
    });
  const meanwhile = (action: () => void) => {
    onQuery = action;
  };
  return { pulse, seen, add, aborts, meanwhile };
}

it("a worker gives a sign of life in every interval until its pulse closes, and asks for no rollouts when it runs none", async () => {
  const { pulse, seen } = start();
  await clock.advance(999);
  expect(seen.beats).toBe(0);
  await clock.advance(1);
  await clock.advance(2000);
  expect([seen.beats, seen.queries, clock.delays()]).toEqual([3, [], [1000]]);
  pulse.close();
  expect(clock.delays()).toEqual([]);
});

it("a pulse that closes in the middle of a beat sets no timer again", async () => {
  const { pulse, add, meanwhile } = start([rolloutOf("a")]);
  add(rolloutOf("a"));
  meanwhile(() => pulse.close());
  await clock.advance(1000);
  expect(clock.delays()).toEqual([]);
});

it("a rollout that asks for it gets three beats in its time, fifty a second at most, while it runs", async () => {
  const { pulse, add } = start([rolloutOf("a", 1)]);
  const patient = add(rolloutOf("b", 30));
  expect(clock.delays()).toEqual([1000]);
  const remove = add(rolloutOf("a", 1));
  expect(clock.delays()).toEqual([333]);
  add(rolloutOf("c", 0.001))();
  expect(clock.delays()).toEqual([20]);
  remove();
  patient();
  await clock.fire();
  expect(clock.delays()).toEqual([1000]);
  pulse.close();
});

it("an attempt's sign of life is by the store's clock", async () => {
  const { pulse, seen, add } = start([rolloutOf("a")]);
  add(rolloutOf("a"));
  clock.block(250);
  await pulse.beat();
  expect(seen.queries).toEqual([["a"]]);
  expect(seen.updates).toEqual([["a", "a-1", { lastHeartbeatTime: 50.25 }]]);
  pulse.close();
});

it.each<[string, object | undefined]>([
  ["the rollout was cancelled", { status: "cancelled" }],
  ["another attempt at the rollout was started", { attempt: { attemptId: "a-2", status: "running" } }],
  ["another attempt at the rollout was started", undefined],
  ["the attempt ran out of time", { attempt: { attemptId: "a-1", status: "timeout" } }],
  ["the attempt was ended as failed", { attempt: { attemptId: "a-1", status: "failed" } }],
  ["the attempt was ended as succeeded", { attempt: { attemptId: "a-1", status: "succeeded" } }],
  ["the rollout was ended as succeeded", { status: "succeeded" }],
])("%s: the attempt is aborted, and gives no sign of life", async (reason, changes) => {
  const { pulse, seen, add, aborts } = start(
    changes === undefined ? [{ rolloutId: "a", status: "queuing" }] : [{ ...rolloutOf("a"), ...changes }],
  );
  add(rolloutOf("a"));
  await pulse.beat();
  expect([aborts, seen.updates, seen.errors]).toEqual([[reason], [], []]);
  pulse.close();
});

it("an agent that blocks its process gives no sign of life, and is not aborted for it", async () => {
  const { pulse, seen, add, aborts } = start([rolloutOf("a")]);
  add(rolloutOf("a"), false);
  await pulse.beat();
  expect([aborts, seen.updates]).toEqual([[], []]);
  pulse.close();
});

it("an attempt that ends while the store is asked is left alone", async () => {
  const { pulse, seen, add, aborts, meanwhile } = start([]);
  meanwhile(add(rolloutOf("a")));
  await pulse.beat();
  expect([seen.queries.length, aborts, seen.updates]).toEqual([1, [], []]);
  pulse.close();
});

it("a refusal ends the attempt here; any other failure is told, and the beats go on", async () => {
  const refused = start([rolloutOf("a")], () => Promise.reject(new LightningError("E_STATE", "over")));
  refused.add(rolloutOf("a"));
  await refused.pulse.beat();
  expect([refused.aborts, refused.seen.errors]).toEqual([["the store has ended the attempt"], []]);
  refused.pulse.close();
  const away = new LightningError("E_STORE", "away");
  const outage = start([rolloutOf("a")], () => Promise.reject(away));
  outage.add(rolloutOf("a"));
  await clock.advance(1000);
  expect([outage.aborts, outage.seen.errors, clock.delays()]).toEqual([[], [away], [1000]]);
  outage.pulse.close();
});
