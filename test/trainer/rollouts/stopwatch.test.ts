import { expect, it, vi } from "vitest";
import { createStopwatch } from "../../../src/trainer/rollouts/stopwatch.js";

const clock = await vi.hoisted(async () =>
  (await import("../../support/manual-clock.js")).createManualClock(),
);
vi.mock("../../../src/base/clock.js", async (original) => ({
  ...(await original<object>()),
  ...clock.module,
}));

function pending() {
  let end: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { promise, end: () => end() };
}

it("the time in which several things overlap counts once, and that between them not at all", async () => {
  const stopwatch = createStopwatch();
  clock.block(5000);
  expect(stopwatch.seconds()).toBe(0);
  const [one, two, three] = [pending(), pending(), pending()];
  const first = stopwatch.during(one.promise);
  clock.block(1000);
  const second = stopwatch.during(two.promise);
  clock.block(1000);
  expect(stopwatch.seconds()).toBe(2);
  one.end();
  await first;
  clock.block(1000);
  expect(stopwatch.seconds()).toBe(3);
  two.end();
  await second;
  clock.block(9000);
  expect(stopwatch.seconds()).toBe(3);
  const third = stopwatch.during(three.promise);
  clock.block(500);
  three.end();
  await third;
  expect(stopwatch.seconds()).toBe(3.5);
});

it("what fails has taken its time, and gives its failure on", async () => {
  const stopwatch = createStopwatch();
  await expect(stopwatch.during(Promise.reject(new Error("no")))).rejects.toThrow("no");
  clock.block(1000);
  expect(stopwatch.seconds()).toBe(0);
  expect(await stopwatch.during(Promise.resolve(7))).toBe(7);
});
