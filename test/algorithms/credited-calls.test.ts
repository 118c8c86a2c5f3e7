import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBy, creditGroups } from "../../src/algorithms/credited-calls.js";
import { toRows } from "../../src/algorithms/rows.js";
import { broadcast } from "../../src/credit/broadcast.js";
import type { Credit, CreditCall, CreditTerm } from "../../src/types/credit.js";
import type { TaskGroup } from "../../src/types/task-group.js";
import { writtenCall, writtenGroup, writtenRow } from "./written-rows.js";

const plain = compareBy({ scale: "none" });
const sumOf = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const rewardLists = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 2, maxLength: 8 });
const ofRollouts = (group: TaskGroup, credit: Credit = broadcast()) =>
  creditGroups([group], credit, plain).flatMap(({ rollouts }) => rollouts.map((r) => r.ofRollout));

/** Two calls in one row, the second begun first, and a third in a row of its own. */
const threeCalls = (id: string) => {
  const calls = [
    writtenCall(id, { spanId: `${id}/b`, order: 1, promptIds: [1, 2], responseIds: [3, 4] }),
    writtenCall(id, { spanId: `${id}/a`, order: 0, promptIds: [1, 2, 3, 4, 5], responseIds: [6] }),
    writtenCall(id, { spanId: `${id}/c`, order: 2, promptIds: [9], responseIds: [8], forced: [0] }),
  ];
  const [b, a, c] = calls as [(typeof calls)[0], (typeof calls)[0], (typeof calls)[0]];
  return [
    { ...writtenRow(id), tokens: [1, 2, 3, 4, 5, 6], mask: [0, 1, 1, 0, 1], transitions: [b, a] },
    { ...writtenRow(id), tokens: [9, 8], mask: [0], transitions: [c] },
  ];
};
const byCall =
  (values: readonly number[], more: Partial<CreditTerm> = {}): Credit =>
  ({ rollouts }) => {
    const calls = rollouts.flatMap((rollout) => rollout.calls);
    const term = { values: calls.map((_, i) => values[i] ?? 0), sets: calls.map(() => 0), weight: 1 };
    return [{ of: "call", ...term, scale: "none", ...more }];
  };
const kIds = ["ro-0-0", "ro-0-1"].flatMap((id) => ["a", "b", "c"].map((name) => `${id}/${name}`));
const inOrder = (advantages: Readonly<Record<string, number>>) => kIds.map((id) => advantages[id]);
const rowsBy = (credit: Credit, group = writtenGroup(0, [0, 1], threeCalls)) =>
  toRows([group], { adapter: "default", credit, compare: plain, dead: "drop" });

describe("credit by rollout", () => {
  it("compares rollouts, not rows: reward 1 over three rows against 0 over one has baseline 0.5", () => {
    const group = writtenGroup(0, [1, 0], (id, sample) => Array(sample === 0 ? 3 : 1).fill(writtenRow(id)));
    const { rows } = toRows([group], {
      adapter: "default",
      credit: broadcast(),
      compare: plain,
      dead: "drop",
    });
    expect(rows.map(({ advantages }) => advantages)).toEqual([0.5, 0.5, 0.5, -0.5]);
  });

  it("sums to zero and does not see a shift of the rewards", () => {
    fc.assert(
      fc.property(rewardLists, fc.double({ min: -4, max: 4, noNaN: true }), (rewards, shift) => {
        const values = ofRollouts(writtenGroup(0, rewards));
        const shifted = ofRollouts(
          writtenGroup(
            0,
            rewards.map((reward) => reward + shift),
          ),
        );
        const tolerance = 64 * Number.EPSILON * rewards.length * 8;
        expect(!(Math.abs(sumOf(values)) <= tolerance)).toBe(false);
        for (const [i, value] of shifted.entries())
          expect(!(Math.abs(value - (values[i] ?? Number.NaN)) <= tolerance)).toBe(false);
      }),
    );
  });

  it("follows the rollouts when their order changes", () => {
    fc.assert(
      fc.property(rewardLists, (rewards) => {
        const forward = ofRollouts(writtenGroup(0, rewards));
        const backward = ofRollouts(writtenGroup(0, rewards.toReversed())).toReversed();
        for (const [i, value] of backward.entries())
          expect(!(Math.abs(value - (forward[i] ?? Number.NaN)) <= 1e-13)).toBe(false);
      }),
    );
  });
});

describe("credit by call", () => {
  it("sees the calls in the order in which they began, and gives each token of a row that of its call", () => {
    const seen: string[] = [];
    const { rows, advantages } = rowsBy((group) => {
      seen.push(...group.rollouts.flatMap(({ calls }) => calls.map(({ spanId }) => spanId)));
      return byCall([1, 2, 3, 4, 4, 4])(group);
    });
    expect(seen).toEqual(kIds);
    expect(rows.map((row) => row.advantages)).toEqual([[0, 2, 2, 0, 1], 3, 4, 4]);
    expect(inOrder(advantages)).toEqual([1, 2, 3, 4, 4, 4]);
  });

  it("is normalised within its sets: by deviation, by mean, not at all; one alone in its set becomes 0", () => {
    const values = [1, 3, 5, 10, 12, 14];
    const sets = [0, 0, 7, 1, 1, 1];
    const by = (scale: "std" | "mean" | "none") =>
      inOrder(rowsBy(byCall(values, { sets, scale })).advantages);
    expect(by("mean")).toEqual([-1, 1, 0, -2, 0, 2]);
    expect(by("none")).toEqual(values);
    const std = by("std");
    [-Math.SQRT1_2, Math.SQRT1_2, 0, -1, 0, 1].forEach((value, i) => {
      expect(std[i]).toBeCloseTo(value, 5);
    });
  });

  it("is added to that by rollout, each by its weight, and NaN adds nothing", () => {
    const { advantages } = rowsBy((group) => [
      ...broadcast()(group),
      ...byCall([1, Number.NaN, 2, 0, 0, 0], { weight: 10 })(group),
    ]);
    expect(inOrder(advantages)).toEqual([9.5, -0.5, 19.5, 0.5, 0.5, 0.5]);
  });

  it("knows what calls saw, earned and chose where it asks", () => {
    let calls: readonly CreditCall[] = [];
    const messages = [{ role: "user", content: "hi" }];
    const asked: string[] = [];
    const messagesOf = (spanId: string) => {
      asked.push(spanId);
      return messages;
    };
    const group = { ...writtenGroup(4, [0, 1], threeCalls), input: { q: 1 }, messagesOf };
    rowsBy((given) => {
      expect([given.task, given.input, given.rollouts[1]?.parts]).toEqual([4, { q: 1 }, { agent: 1 }]);
      calls = given.rollouts.flatMap((rollout) => rollout.calls);
      return byCall([1])(given);
    }, group);
    expect(asked).toEqual([]);
    expect([calls[0]?.messages, calls[0]?.promptIds, asked]).toEqual([
      messages,
      [1, 2, 3, 4, 5],
      ["ro-4-0/a"],
    ]);
  });

  it("a group is dead when all its advantages are 0, whatever its rewards", () => {
    const [equal, different] = [writtenGroup(0, [1, 1], threeCalls), writtenGroup(1, [0, 1], threeCalls)];
    const rewarding: Credit = (group) => byCall(group.task === 0 ? [1] : [])(group);
    const options = { adapter: "default", credit: rewarding, compare: plain };
    const dropped = toRows([equal, different], { ...options, dead: "drop" });
    expect(dropped.rows.map(({ group, isDead }) => [group, isDead])).toEqual(Array(4).fill([0, false]));
    expect(dropped.metrics["groups/dead"]).toBe(0.5);
    const counted = toRows([equal, different], { ...options, dead: "count" });
    expect(counted.rows.map(({ isDead }) => isDead)).toEqual([
      ...Array(4).fill(false),
      ...Array(4).fill(true),
    ]);
  });
});

describe("what an algorithm compares itself", () => {
  it("is every number without a scale, with its set and the tokens that were chosen, once more without dead groups", () => {
    const seen: unknown[] = [];
    const groups = [writtenGroup(0, [1, 3], threeCalls), writtenGroup(1, [2, 2], threeCalls)];
    toRows(groups, {
      ...{ adapter: "default", credit: broadcast(), dead: "drop" },
      compare: (numbers) => {
        seen.push(numbers.map(({ value, set, tokens }) => [value, set, tokens]));
        return plain(numbers);
      },
    });
    const living = [
      [1, "0/0", 3],
      [3, "0/0", 3],
    ];
    expect(seen).toEqual([[...living, [2, "1/0", 3], [2, "1/0", 3]], living]);
  });
});

it.each<[string, Credit, string]>([
  ["no list", (() => ({})) as unknown as Credit, "a list of terms"],
  ["too few values", byCall([], { values: [] }), "values to be 6 numbers, one for each call, got 0"],
  ["too few sets", byCall([], { sets: [1] }), "sets to be 6 numbers"],
  ["what it is of", byCall([], { of: "token" as "call" }), 'of to be "rollout" or "call", got "token"'],
  ["infinite values", byCall([0, Infinity]), "values to be finite or NaN, got Infinity"],
  ["a scale", byCall([], { scale: "max" as "std" }), 'scale to be "std", "mean", "none" or absent'],
  ["a weight", byCall([], { weight: Number.NaN }), "weight to be a finite number, got NaN"],
])("credit refuses %s", (_, credit, message) => {
  expect(() => rowsBy(credit)).toThrow(message);
});

it("credit refuses groups with other numbers of terms", () => {
  const uneven: Credit = (group) => (group.task === 0 ? broadcast()(group) : []);
  const groups = [writtenGroup(0, [0, 1]), writtenGroup(1, [0, 1])];
  expect(() => creditGroups(groups, uneven, plain)).toThrow("1 terms for every group of the step, got 0");
});
