import { describe, expect, it } from "vitest";
import { compareBy } from "../../src/algorithms/credited-calls.js";
import { toRows } from "../../src/algorithms/rows.js";
import { broadcast } from "../../src/credit/broadcast.js";
import type { RolloutResult } from "../../src/types/task-group.js";

const rollout = (reward: number, task: number, sample: number): RolloutResult => ({
  ...{ rolloutId: `ro-${task}-${sample}`, attemptId: "at-0", task, sample, outcome: "ok", reward },
  ...{
    error: null,
    parts: { agent: reward },
    trajectories: [],
    modelCalls: 1,
    refusedCalls: 0,
    unseenCalls: 0,
    traceUploads: 0,
    seconds: 0,
  },
});
const metricsOf = (groups: readonly (readonly number[])[]) =>
  toRows(
    groups.map((rewards, task) => ({
      task,
      input: task,
      rollouts: rewards.map((reward, i) => rollout(reward, task, i)),
    })),
    { adapter: "base", credit: broadcast(), compare: compareBy({}), dead: "drop" },
  ).metrics;

describe("dead groups", () => {
  it.each([
    [
      "solved beside learning",
      [
        [1, 1],
        [0, 1],
      ],
      { dead: 0.5, above: 0.5, below: 0 },
    ],
    [
      "too hard beside learning",
      [
        [0, 0],
        [0, 1],
      ],
      { dead: 0.5, above: 0, below: 0.5 },
    ],
    [
      "solved with another reward than 1",
      [
        [7, 7],
        [-3, 2],
        [-3, -3],
      ],
      { dead: 2 / 3, above: 1 / 3, below: 1 / 3 },
    ],
    [
      "in between",
      [
        [0.5, 0.5],
        [0, 0],
        [1, 1],
        [0, 0],
      ],
      { dead: 1, above: 0.5, below: 0.5 },
    ],
    [
      "all alike, in a number that rounds",
      [
        [0.1, 0.1, 0.1],
        [0.1, 0.1, 0.1],
      ],
      { dead: 1, above: 0, below: 0 },
    ],
    [
      "negative ones",
      [
        [-1, -1],
        [-2, -2],
        [-9, -1],
      ],
      { dead: 2 / 3, above: 2 / 3, below: 0 },
    ],
    ["one rollout left, and one group of none", [[1], [0, 1, 0], []], { dead: 0.5, above: 0.5, below: 0 }],
    [
      "none",
      [
        [0, 1],
        [1, 0],
      ],
      { dead: 0, above: 0, below: 0 },
    ],
  ] as const)("%s are split by the step's mean", (_, groups, { dead, above, below }) => {
    const metrics = metricsOf(groups);
    expect(metrics["groups/dead"]).toBeCloseTo(dead, 12);
    expect(metrics["groups/dead_above"]).toBeCloseTo(above, 12);
    expect(metrics["groups/dead_below"]).toBeCloseTo(below, 12);
  });

  it("of a step without any rollout are none", () => {
    expect(metricsOf([[], []])).toMatchObject({
      "groups/count": 0,
      "groups/dead": 0,
      "groups/dead_above": 0,
    });
  });
});
