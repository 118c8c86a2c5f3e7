import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { broadcast } from "../../src/credit/broadcast.js";
import { advantages } from "../../src/policy/advantages.js";

const centred = (rewards: readonly number[]) =>
  advantages.group(
    rewards,
    rewards.map(() => 0),
    { scale: "none" },
  );
const rewardLists = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 2, maxLength: 8 });

describe("rollout-level credit", () => {
  it("compares rollouts, not rows: reward 1 over three rows against 0 over one has baseline 0.5", () => {
    const credited = broadcast([["a1", "a2", "a3"], ["b1"]], centred([1, 0]));
    expect(credited).toEqual([
      { row: "a1", advantage: 0.5 },
      { row: "a2", advantage: 0.5 },
      { row: "a3", advantage: 0.5 },
      { row: "b1", advantage: -0.5 },
    ]);
  });

  it("sums to zero over rollouts and does not see a shift of the rewards", () => {
    fc.assert(
      fc.property(rewardLists, fc.double({ min: -4, max: 4, noNaN: true }), (rewards, shift) => {
        const rows = rewards.map((_, i) => [i]);
        const values = broadcast(rows, centred(rewards)).map(({ advantage }) => advantage);
        const shifted = broadcast(rows, centred(rewards.map((r) => r + shift)));
        const tolerance = 64 * Number.EPSILON * rewards.length * 8;
        const sum = values.reduce((total, value) => total + value, 0);
        expect(!(Math.abs(sum) <= tolerance)).toBe(false);
        for (const [i, { advantage }] of shifted.entries())
          expect(!(Math.abs(advantage - values[i]!) <= tolerance)).toBe(false);
      }),
    );
  });

  it("follows the rollouts when their order changes", () => {
    fc.assert(
      fc.property(rewardLists, (rewards) => {
        const rows = rewards.map((_, i) => Array.from({ length: (i % 3) + 1 }, (_unused, k) => `${i}.${k}`));
        const forward = new Map(
          broadcast(rows, centred(rewards)).map(({ row, advantage }) => [row, advantage]),
        );
        const backward = broadcast(rows.toReversed(), centred(rewards.toReversed()));
        expect(backward.length).toBe(forward.size);
        for (const { row, advantage } of backward)
          expect(!(Math.abs(advantage - forward.get(row)!) <= 1e-13)).toBe(false);
      }),
    );
  });

  it("refuses lists of different lengths", () => {
    expect(() => broadcast([["a"]], [])).toThrow("expected one advantage for each of 1 rollouts, got 0");
  });
});
