import { describe, expect, it } from "vitest";
import { countedAggregate } from "../../src/algorithms/counted-aggregate.js";
import type { TrainingRow } from "../../src/algorithms/rows.js";
import type { Aggregate } from "../../src/policy/losses/aggregate.js";

const rowOf = (group: number, rolloutId: string, mask: readonly number[]): TrainingRow => ({
  trajectory: {
    ...{ rolloutId, attemptId: "at-0", agent: "*", tokens: [1, ...mask], mask, sampledLogprobs: null },
    ...{ temperature: 1, adapter: "default", transitions: [] },
  },
  ...{ advantages: 0, group, isDead: false },
});

/** Two groups; one rollout of two rows, one that sampled nothing. */
const rows = [
  rowOf(0, "a", [0, 1, 1]),
  rowOf(0, "a", [1]),
  rowOf(0, "b", [0, 1]),
  rowOf(1, "c", [1, 1, 1]),
  rowOf(1, "d", [0, 0]),
  rowOf(2, "e", [0]),
];

describe("an aggregate whose denominator counts all rows", () => {
  it.each<[Aggregate, Aggregate]>([
    [{ by: "token" }, { by: "token", total: 7 }],
    [{ by: "sequence-mean" }, { by: "sequence-mean", total: 4 }],
    [{ by: "sequence-sum" }, { by: "sequence-sum", total: 4 }],
    [
      { by: "constant", length: 9 },
      { by: "constant", length: 9, total: 4 },
    ],
    [{ by: "rollout" }, { by: "rollout", total: 3 }],
    [{ by: "group" }, { by: "group", total: 2 }],
    [{ by: "sum" }, { by: "sum" }],
    [
      { by: "rollout", total: 50 },
      { by: "rollout", total: 50 },
    ],
  ])("%o is %o", (aggregate, expected) => {
    expect(countedAggregate(aggregate, rows)).toEqual(expected);
  });

  it("stays as it is when nothing was sampled", () => {
    expect(countedAggregate({ by: "rollout" }, [rowOf(0, "a", [0])])).toEqual({ by: "rollout" });
  });
});
