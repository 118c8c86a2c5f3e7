import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { boundary, endOf, isCollapsed, shortfall } from "../../benchmarks/collapse.mjs";

const flat = (reward: number, steps = 12) => Array.from({ length: steps }, () => reward);
const rising = (from: number, to: number, steps = 12) =>
  Array.from({ length: steps }, (_, i) => from + ((to - from) * i) / (steps - 1));
const runOf = (lr: number, rewards: readonly number[], after = rewards.at(-1) ?? 0) => ({
  ...{ lr, rewards, before: { sampled: 0.4 }, after: { sampled: after } },
});
const good = runOf(1e-3, rising(0.4, 0.9));

describe("a learning rate", () => {
  it.each<[string, ReturnType<typeof runOf>, boolean]>([
    ["learns as a smaller one does", runOf(4e-3, rising(0.4, 0.9)), false],
    ["learns faster", runOf(4e-3, rising(0.4, 1)), false],
    ["falls to nothing", runOf(4e-3, rising(0.4, 0)), true],
    [
      "dips for five steps and recovers",
      runOf(4e-3, [...flat(0.4, 3), ...flat(0.3, 5), ...flat(0.9, 4)]),
      true,
    ],
    [
      "dips for one step",
      runOf(
        4e-3,
        rising(0.4, 0.9).map((reward, i) => (i === 6 ? 0.1 : reward)),
      ),
      false,
    ],
    ["stays where it began while a smaller one learns", runOf(4e-3, flat(0.4), 0.41), true],
    ["trains well and ends below its start elsewhere", runOf(4e-3, rising(0.4, 0.9), 0.3), true],
    ["is small and slow", runOf(5e-4, flat(0.4), 0.41), false],
  ])("that %s: collapsed or not", (_, run, collapsed) => {
    expect(isCollapsed(run, [good, run])).toBe(collapsed);
  });

  it("is compared with smaller ones alone", () => {
    const slow = runOf(5e-4, flat(0.4));
    expect(shortfall(slow, [slow, good])).toBe(0);
    expect(shortfall(runOf(2e-3, flat(0.4)), [slow, good])).toBeCloseTo(0.9 - 0.4 - (2 * 0.5) / 11, 9);
  });

  it("ends with the mean of five steps", () => {
    expect(endOf([0, 0, 1, 1, 1, 1, 0])).toBeCloseTo(0.8, 12);
    expect(() => endOf([1, 1])).toThrow(/5 steps/);
  });
});

describe("the boundary", () => {
  const bad = (lr: number) => runOf(lr, flat(0));
  it.each([
    [[[good, runOf(2e-3, good.rewards)]], { holds: 2e-3, collapses: Number.POSITIVE_INFINITY }],
    [[[good, runOf(2e-3, good.rewards), bad(4e-3)]], { holds: 2e-3, collapses: 4e-3 }],
    // One seed is enough, and a larger rate that happens to hold does not count.
    [
      [
        [good, runOf(2e-3, good.rewards), runOf(4e-3, good.rewards)],
        [good, bad(2e-3), runOf(4e-3, good.rewards)],
      ],
      { holds: 1e-3, collapses: 2e-3 },
    ],
    [[[bad(1e-3), bad(2e-3)]], { holds: 0, collapses: 1e-3 }],
    [[], { holds: 0, collapses: Number.POSITIVE_INFINITY }],
  ])("of %#: the largest rate that holds everywhere, the smallest that does not", (sets, expected) => {
    expect(boundary(sets)).toEqual(expected);
  });
});
