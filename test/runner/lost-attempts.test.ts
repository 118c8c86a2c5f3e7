// Runners that are gone, as another sees them, on a clock that the test moves.
import { expect, it, vi } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { watchLostAttempts } from "../../src/runner/lost-attempts.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

interface Page {
  readonly limit: number;
  readonly offset: number;
}

const running = (id: string, workerId: string | null, status = "running") => ({
  ...{ rolloutId: id, status: "running" },
  attempt: { attemptId: `${id}-1`, status, workerId },
});

function watch(workers: { workerId: string; lastHeartbeatTime: number | null }[], rollouts: object[] = []) {
  const seen = { lost: [] as string[], ended: [] as unknown[], errors: [] as unknown[], looks: 0, asked: 0 };
  let update: () => Promise<void> = async () => undefined;
  const page = (items: readonly object[], { limit, offset }: Page) => ({
    items: items.slice(offset, offset + limit),
  });
  const store = {
    queryWorkers: async (at: Page) => {
      if (at.offset === 0) seen.looks += 1;
      return page(workers, at);
    },
    queryRollouts: async (query: Page & { statusIn: unknown }) => {
      expect(query.statusIn).toEqual(["preparing", "running"]);
      if (query.offset === 0) seen.asked += 1;
      return page(rollouts, query);
    },
    updateAttempt: async (...values: unknown[]) => {
      await update();
      seen.ended.push(values);
    },
  };
  const stop = watchLostAttempts({
    ...{ store: store as never, lostAfterMs: 100 },
    onLost: (rolloutId, workerId) => seen.lost.push(`${rolloutId} of ${workerId}`),
    onError: (error) => seen.errors.push(error),
  });
  const failWith = (error: Error | null) => {
    update = () => (error === null ? Promise.resolve() : Promise.reject(error));
  };
  return { seen, stop, failWith };
}

it("a worker that is silent for longer than the limit loses what it runs, once", async () => {
  const rollouts = [
    running("a", "gone"),
    running("b", "gone", "preparing"),
    running("c", "gone", "failed"),
    running("d", "other"),
    running("e", null),
    { rolloutId: "f", status: "running" },
  ];
  const workers = [
    { workerId: "gone", lastHeartbeatTime: 1 },
    { workerId: "never", lastHeartbeatTime: null },
  ];
  const { seen, stop } = watch(workers, rollouts);
  await clock.advance(100);
  expect([seen.looks, seen.asked, seen.lost]).toEqual([5, 0, []]);
  await clock.advance(25);
  expect(seen.lost).toEqual(["a of gone", "b of gone"]);
  expect(seen.ended).toEqual([
    ["a", "a-1", { status: "unresponsive" }],
    ["b", "b-1", { status: "unresponsive" }],
  ]);
  await clock.advance(500);
  expect([seen.asked, seen.errors]).toEqual([1, []]);
  stop();
});

it("a worker is alive with every new sign, and may be lost again after it came back", async () => {
  const worker = { workerId: "w", lastHeartbeatTime: 1 };
  const { seen, stop } = watch([worker], [running("a", "w")]);
  for (let i = 0; i < 4; i++) {
    await clock.advance(75);
    worker.lastHeartbeatTime += 1;
  }
  expect(seen.asked).toBe(0);
  await clock.advance(150);
  expect(seen.lost).toEqual(["a of w"]);
  worker.lastHeartbeatTime += 1;
  await clock.advance(150);
  expect(seen.lost).toEqual(["a of w", "a of w"]);
  stop();
});

it("an attempt that has just ended is passed over, and a store out of reach is asked again", async () => {
  const { seen, stop, failWith } = watch(
    [{ workerId: "w", lastHeartbeatTime: 1 }],
    [running("a", "w"), running("b", "w")],
  );
  const away = new LightningError("E_STORE", "away");
  failWith(away);
  await clock.advance(125);
  expect([seen.errors, seen.lost]).toEqual([[away], []]);
  failWith(new LightningError("E_STATE", "over"));
  await clock.advance(25);
  expect([seen.errors.length, seen.lost, seen.asked]).toEqual([1, [], 2]);
  await clock.advance(100);
  expect(seen.asked).toBe(2);
  stop();
});

it("no look follows the end of the watch, also when it ends within one", async () => {
  const { seen, stop } = watch([]);
  stop();
  await clock.advance(100);
  expect([seen.looks, clock.delays()]).toEqual([1, []]);
  const other = watch([]);
  await clock.advance(30);
  other.stop();
  expect([other.seen.looks, clock.delays()]).toEqual([2, []]);
});

it("every page of workers and rollouts is looked through", async () => {
  const quiet = Array.from({ length: 500 }, (_, i) => ({ workerId: `q-${i}`, lastHeartbeatTime: null }));
  const others = Array.from({ length: 1000 }, (_, i) => running(`o-${i}`, "alive"));
  const { seen, stop } = watch(
    [...quiet, { workerId: "gone", lastHeartbeatTime: 1 }],
    [...others, running("last", "gone")],
  );
  await clock.advance(125);
  expect(seen.lost).toEqual(["last of gone"]);
  stop();
});
