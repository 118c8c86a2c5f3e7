// How the spans of a running attempt reach the store, on a clock that the test moves.
import { expect, it, vi } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { createSpanFeed } from "../../src/runner/span-feed.js";
import { settle } from "../support/manual-clock.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

interface Kept {
  readonly name: string;
  readonly sequenceId: number;
}

/** A store that keeps batches of spans; `meanwhile` is asked before each. */
function start(meanwhile: (batch: number) => Promise<void> = async () => undefined, drain?: AbortSignal) {
  const batches: Kept[][] = [];
  let asked = 0;
  const store = {
    nextSequenceId: async () => batches.flat().length + 1,
    addSpans: async (spans: Kept[]) => {
      await meanwhile(asked++);
      batches.push(spans);
    },
  };
  const attempt = { rolloutId: "ro-1", attemptId: "at-1" };
  const patience = { patienceMs: 0, drain: drain ?? new AbortController().signal };
  const feed = createSpanFeed(store as never, attempt as never, patience);
  const add = (count: number) => {
    for (let i = 0; i < count; i++) feed.add({ name: "s" } as never);
  };
  return { feed, add, batches, sizes: () => batches.map(({ length }) => length), asked: () => asked };
}

it("spans wait for half a second, or for a batch of a hundred", async () => {
  const { add, sizes } = start();
  add(99);
  await clock.advance(499);
  expect([sizes(), clock.delays()]).toEqual([[], [500]]);
  await clock.advance(1);
  expect([sizes(), clock.delays()]).toEqual([[99], []]);
  add(1);
  await clock.advance(500);
  add(100);
  await settle();
  expect(sizes()).toEqual([99, 1, 100]);
});

it("spans are numbered on in their order, a hundred at a time, as those of their attempt", async () => {
  const { feed, add, batches, sizes } = start();
  add(250);
  await feed.close();
  expect(sizes()).toEqual([100, 100, 50]);
  expect(batches.flat().map(({ sequenceId }) => sequenceId)).toEqual(
    Array.from({ length: 250 }, (_, i) => i + 1),
  );
  expect(batches[0]?.[0]).toEqual({ name: "s", rolloutId: "ro-1", attemptId: "at-1", sequenceId: 1 });
});

it("one batch is on its way at a time, and closing waits for it and sends the rest without its timer", async () => {
  let free: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    free = resolve;
  });
  const { feed, add, sizes, asked } = start((batch) => (batch === 0 ? first : Promise.resolve()));
  add(100);
  add(100);
  await settle();
  expect([asked(), sizes()]).toEqual([1, []]);
  const closed = feed.close();
  free();
  await closed;
  expect([sizes(), feed.dropped, clock.delays()]).toEqual([[100, 100], 0, []]);
});

it("what the store refuses is thrown when the feed closes, and an outage meanwhile is made good", async () => {
  const refusal = new LightningError("E_NOT_FOUND", "gone");
  const refused = start((batch) => (batch === 0 ? Promise.reject(refusal) : Promise.resolve()));
  refused.add(1);
  await clock.advance(500);
  await expect(refused.feed.close()).rejects.toBe(refusal);
  expect(refused.sizes()).toEqual([]);
  const away = new LightningError("E_STORE", "away");
  const outage = start(
    (batch) => (batch === 0 ? Promise.reject(away) : Promise.resolve()),
    AbortSignal.abort(),
  );
  outage.add(1);
  await clock.advance(500);
  expect(outage.sizes()).toEqual([]);
  await outage.feed.close();
  expect(outage.sizes()).toEqual([1]);
});

it("beyond a hundred thousand that wait, spans are dropped and counted", () => {
  const { feed, add } = start(() => new Promise(() => undefined));
  add(100_000);
  expect(feed.dropped).toBe(0);
  add(2);
  expect(feed.dropped).toBe(2);
});
