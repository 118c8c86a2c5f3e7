// A rollout's deadline on a clock that the test moves.
import { expect, it, vi } from "vitest";
import { startDeadline } from "../../src/runner/deadline.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

function start(timeoutMs: number | null) {
  let past = 0;
  const deadline = startDeadline(timeoutMs, () => {
    past += 1;
  });
  return { deadline, past: () => past };
}

it("a deadline passes at its time, once", async () => {
  const { deadline, past } = start(100);
  await clock.advance(98);
  expect([past(), deadline.isPast()]).toEqual([0, false]);
  await clock.advance(2);
  expect([past(), deadline.isPast(), past(), clock.delays()]).toEqual([1, true, 1, []]);
});

it("a deadline that no timer could tell has passed for whoever asks after it, and not at it", async () => {
  const { deadline, past } = start(100);
  clock.block(100);
  expect([deadline.isPast(), past()]).toEqual([false, 0]);
  clock.block(1);
  expect([deadline.isPast(), past(), clock.delays()]).toEqual([true, 1, []]);
});

it("a timer may be a millisecond early, and waits for the rest when it is more", async () => {
  const { deadline, past } = start(100);
  clock.block(98);
  await clock.fire();
  expect([past(), clock.delays()]).toEqual([0, [2]]);
  clock.block(1);
  await clock.fire();
  expect([past(), clock.delays(), deadline.isPast()]).toEqual([1, [], true]);
});

it("a closed deadline never passes, and one that has passed stays so", async () => {
  const closed = start(100);
  closed.deadline.close();
  expect(clock.delays()).toEqual([]);
  clock.block(1000);
  expect([closed.deadline.isPast(), closed.past()]).toEqual([false, 0]);
  const passed = start(100);
  await clock.advance(100);
  passed.deadline.close();
  expect([passed.deadline.isPast(), passed.past()]).toEqual([true, 1]);
});

it("a deadline beyond what a timer can wait for is waited for in parts, and without one there is no timer", async () => {
  const far = start(2 ** 31 + 10);
  expect(clock.delays()).toEqual([2 ** 31 - 1]);
  await clock.advance(2 ** 31 - 1);
  expect([far.past(), clock.delays()]).toEqual([0, [11]]);
  await clock.advance(11);
  expect(far.past()).toBe(1);
  const none = start(null);
  expect(clock.delays()).toEqual([]);
  clock.block(1e12);
  expect([none.deadline.isPast(), none.past()]).toEqual([false, 0]);
});
