import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { differenceBySeconds, differenceBySteps, pairedInterval } from "../../benchmarks/paired-interval.mjs";

describe("the interval of paired differences", () => {
  it("is Student's, by hand", () => {
    // mean 0.03, s = sqrt(0.001 / 4 * ...): differences 0.01 to 0.05, s = 0.0158114, half = 2.776 s / sqrt(5)
    const { mean, low, high, worst, holds } = pairedInterval([0.01, 0.02, 0.03, 0.04, 0.05]);
    expect(mean).toBeCloseTo(0.03, 12);
    expect(high - mean).toBeCloseTo(0.019629, 5);
    expect(mean - low).toBeCloseTo(0.019629, 5);
    expect(worst).toBe(0.01);
    expect(holds).toBe(true);
  });

  it.each<[string, readonly number[], boolean]>([
    ["equal everywhere has an interval of 0, which does not reach above it", [0, 0, 0, 0, 0], false],
    ["a little behind, but within the noise", [-0.05, 0.03, -0.04, 0.02, -0.01], true],
    ["behind on every seed", [-0.02, -0.021, -0.019, -0.02, -0.022], false],
    ["one seed far behind", [0.1, 0.1, 0.1, 0.1, -0.07], false],
    ["one seed just not too far behind", [0.1, 0.1, 0.1, 0.1, -0.06], true],
    ["ahead", [0.05, 0.06, 0.04, 0.05, 0.05], true],
    ["two seeds", [-0.01, 0.02], true],
  ])("holds or not: %s", (_, differences, holds) => {
    expect(pairedInterval(differences).holds).toBe(holds);
  });

  it.each([[[]], [[0.1]], [[0.1, Number.NaN]], [Array.from({ length: 11 }, () => 0)]])(
    "refuses %j",
    (differences) => {
      expect(() => pairedInterval(differences)).toThrow(/2 to 10 finite/);
    },
  );
});

describe("the difference of two runs", () => {
  it("at equal steps is the mean over all of them", () => {
    expect(differenceBySteps([0.5, 0.7, 0.9], [0.4, 0.7, 0.7])).toBeCloseTo(0.1, 12);
    expect(() => differenceBySteps([0.5], [0.4, 0.7])).toThrow(/as many steps/);
    expect(() => differenceBySteps([], [])).toThrow(/as many steps/);
  });

  it.each([
    // The slower run's steps end at 4 and 8 seconds, when the faster one has taken 4 and, long since, all.
    [
      { rewards: [0.1, 0.2, 0.3, 0.4], at: [1, 2, 3, 4] },
      { rewards: [0.1, 0.2], at: [4, 8] },
      (0.3 + 0.2) / 2,
    ],
    [
      { rewards: [0.1, 0.2], at: [4, 8] },
      { rewards: [0.1, 0.2, 0.3, 0.4], at: [1, 2, 3, 4] },
      -(0.3 + 0.2) / 2,
    ],
    [{ rewards: [0.5, 0.6], at: [1, 2] }, { rewards: [0.5, 0.6], at: [1, 2] }, 0],
    // Before both have ended a step there is nothing to compare.
    [{ rewards: [0.5, 0.6, 0.7], at: [1, 2, 3] }, { rewards: [0.2], at: [2] }, (0.6 + 0.7) / 2 - 0.2],
  ])("at equal seconds: %#", (ours, theirs, expected) => {
    expect(differenceBySeconds(ours, theirs)).toBeCloseTo(expected, 12);
  });
});
