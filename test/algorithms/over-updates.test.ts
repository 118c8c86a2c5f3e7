import { describe, expect, it } from "vitest";
import { overUpdates } from "../../src/algorithms/over-updates.js";

/** Of three updates of 10, 30 and 0 tokens. */
const folded = (name: string, values: readonly (number | undefined)[]) =>
  overUpdates(
    values.map((value, i) => ({
      tokens: [10, 30, 0][i] ?? 0,
      metrics: value === undefined ? {} : { [name]: value },
    })),
  )[name as "update/loss"];

describe("a step's number from those of its updates", () => {
  it.each([
    ["update/ratioMin", [0.5, 5e-8, 0.99], 5e-8],
    ["update/ratioMax", [1, 130, 2], 130],
    ["update/grad_norm", [1, 2, 6], 3],
    ["update/grad_norm_max", [1, 2, 6], 6],
    ["update/loss", [1, 2, 100], 1.75],
    ["update/clipFraction", [0, 0.4, 1], 0.3],
    ["update/clipHigh", [0.4, 0, 1], 0.1],
    ["update/klOld", [0, 0.08, 1], 0.06],
    ["update/ratioMean", [1, 2, 9], 1.75],
    ["update/tokens", [10, 30, 0], 40],
    ["exact/compared", [40, undefined, undefined], 40],
    ["update/klRef", [undefined, 0.5, undefined], 0.5],
  ] as const)("%s of %j is %d", (name, values, expected) => {
    expect(folded(name, values)).toBeCloseTo(expected, 12);
  });

  it("of no update is none, and of updates without a token that counts the plain mean", () => {
    expect(overUpdates([])).toEqual({});
    const empty = (value: number) => ({ tokens: 0, metrics: { "update/loss": value } });
    expect(overUpdates([empty(1), empty(3)])).toEqual({ "update/loss": 2 });
  });
});
