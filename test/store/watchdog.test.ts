// The timer that ends what is overdue, on clocks that the test moves.
import { afterEach, expect, it, vi } from "vitest";
import { createWatchdog } from "../../src/store/watchdog.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
const wall = vi.hoisted(() => ({ aheadMs: 0 }));
vi.mock("../../src/base/clock.js", async (original) => ({
  ...(await original<object>()),
  ...clock.module,
  wallClock: { now: () => clock.module.performance.now() + wall.aheadMs },
}));

const delays = () => clock.delays().map(Math.round);
const nowSeconds = () => (clock.module.performance.now() + wall.aheadMs) / 1000;
const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
  wall.aheadMs = 0;
});

function start(scan: (isSetBack: boolean) => number | Promise<number> = () => Number.POSITIVE_INFINITY) {
  const scans: boolean[] = [];
  const watchdog = createWatchdog((isSetBack) => {
    scans.push(isSetBack);
    return scan(isSetBack);
  });
  closes.push(watchdog.close);
  return { watchdog, scans };
}

it("a watchdog scans just after the earliest deadline, and sleeps without one", async () => {
  const { watchdog, scans } = start();
  watchdog.watch(Number.POSITIVE_INFINITY);
  expect(delays()).toEqual([]);
  watchdog.watch(nowSeconds() + 0.5);
  watchdog.watch(nowSeconds() + 0.2);
  watchdog.watch(nowSeconds() + 0.9);
  expect(delays()).toEqual([201]);
  await clock.advance(200);
  expect(scans).toEqual([]);
  await clock.advance(1);
  expect([scans, delays()]).toEqual([[false], []]);
});

it("a deadline at hand or in the past is scanned for at once, and one far away is looked for every second", async () => {
  const { watchdog, scans } = start();
  watchdog.watch(nowSeconds() - 5);
  expect(delays()).toEqual([1]);
  await clock.advance(1);
  watchdog.watch(nowSeconds() + 2.5);
  expect([scans, delays()]).toEqual([[false], [1000]]);
  await clock.advance(2000);
  expect([scans, delays()]).toEqual([[false], [501]]);
  await clock.advance(501);
  expect(scans).toEqual([false, false]);
});

it("a scan tells the next deadline, and one that fails is made again after a second", async () => {
  let answers: (() => number | Promise<number>)[] = [];
  const { watchdog, scans } = start(() => answers.shift()?.() ?? Number.POSITIVE_INFINITY);
  answers = [() => nowSeconds() + 0.3, () => Promise.reject(new Error("away"))];
  watchdog.watch(nowSeconds());
  await clock.advance(1);
  expect(delays()).toEqual([301]);
  await clock.advance(302);
  expect([scans.length, delays()]).toEqual([2, [1000]]);
  await clock.advance(1001);
  expect([scans.length, delays()]).toEqual([3, []]);
});

it("a clock that was set back is told to the scan at the next look, and again when that fails", async () => {
  let isAway = true;
  const { watchdog, scans } = start(() => {
    if (isAway) throw new Error("away");
    return Number.POSITIVE_INFINITY;
  });
  watchdog.watch(nowSeconds() + 3600);
  wall.aheadMs = -100;
  await clock.advance(1000);
  expect(scans).toEqual([]);
  wall.aheadMs = -201;
  await clock.advance(1000);
  expect(scans).toEqual([true]);
  isAway = false;
  await clock.advance(1001);
  expect(scans).toEqual([true, true]);
  watchdog.watch(nowSeconds());
  await clock.advance(1);
  expect(scans).toEqual([true, true, false]);
});

it("a clock that was set forward is no reason to distrust, and brings deadlines nearer", async () => {
  const { watchdog, scans } = start();
  watchdog.watch(nowSeconds() + 3600);
  wall.aheadMs = 3_600_000;
  await clock.advance(1000);
  expect(scans).toEqual([false]);
});

it("distrust scans at once, as if the clock had been set back", async () => {
  const { watchdog, scans } = start();
  watchdog.watch(nowSeconds() + 0.5);
  watchdog.distrust();
  expect(delays()).toEqual([1]);
  await clock.advance(1);
  expect(scans).toEqual([true]);
});

it("a closed watchdog watches nothing, also after a scan that was under way", async () => {
  let end: (next: number) => void = () => undefined;
  const { watchdog, scans } = start(() => new Promise((resolve) => (end = resolve)));
  watchdog.watch(nowSeconds());
  await clock.advance(1);
  watchdog.close();
  end(nowSeconds());
  await clock.advance(10);
  watchdog.watch(nowSeconds());
  watchdog.distrust();
  expect([scans, delays()]).toEqual([[false], []]);
  const other = start();
  other.watchdog.watch(nowSeconds() + 0.1);
  other.watchdog.close();
  expect(delays()).toEqual([]);
});
