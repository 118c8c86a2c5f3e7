import { describe, expect, it } from "vitest";
import { combineParts } from "../../../src/trainer/rewards/combine.js";

const part = (weight: number, ...values_G: (number | null)[]) => ({ weight, values_G });

describe("parts of a reward", () => {
  it("are summed by weight; one that says nothing adds nothing", () => {
    const totals = combineParts([part(1, 1, 0, null, null), part(-0.5, 0.2, null, 0.4, null)], "sum");
    expect(totals[0]).toBeCloseTo(0.9, 12);
    expect(totals.slice(1)).toEqual([0, -0.2, null]);
    expect(combineParts([], "sum")).toEqual([]);
  });

  // By hand: the deviation of 1, 0, 0 is sqrt(1/3); that of 100, 300, 500 is 200, that of 0 and 1 sqrt(1/2).
  it("are each in units of their own deviation when normalised, whatever their scale and shift", () => {
    const small = Math.sqrt(1 / 3);
    const expected = [2 / 3 / small - 2, -1 / 3 / small, -1 / 3 / small + 2];
    for (const scaled of [part(2, 100, 300, 500), part(2, -1, -0.5, 0)]) {
      const totals = combineParts([part(1, 1, 0, 0), scaled], "normalize");
      for (const [i, value] of expected.entries()) expect(totals[i]).toBeCloseTo(value, 4);
    }
    const [first, second, third] = combineParts([part(1, 3, 3, 3), part(1, 0, null, 1)], "normalize");
    expect(first).toBeCloseTo(-Math.SQRT1_2, 4);
    expect([second, third]).toEqual([0, -(first ?? 0)]);
  });
});
