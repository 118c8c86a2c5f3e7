import { describe, expect, it } from "vitest";
import { toTrajectories } from "../../src/adapter/trajectories.js";
import { countExactness } from "../../src/algorithms/exactness.js";
import type { Transition } from "../../src/types/transition.js";

const call = (responseIds: readonly number[], forced?: readonly number[]): Transition => ({
  ...{
    rolloutId: "ro",
    attemptId: "at",
    spanId: "sp",
    order: 0,
    responseId: null,
    agent: "*",
    promptIds: [1],
    responseIds,
  },
  ...{
    logprobs: responseIds.map(() => -1),
    temperature: 1,
    adapter: "default",
    version: 0,
    arithmetic: "f32",
  },
  ...{ finishReason: "stop", reward: null, ...(forced === undefined ? {} : { forced }) },
});

describe("countExactness", () => {
  it("counts every sampled token, also those that a grammar forced, which are compared and not in the loss", () => {
    const rows = toTrajectories([call([2, 3]), call([4, 5, 6], [0, 2])]);
    expect(rows.map(({ mask }) => mask)).toEqual([
      [1, 1],
      [0, 1, 0],
    ]);
    expect(countExactness(rows, [true, true])).toEqual({ compared: 5, stale: 0 });
    expect(countExactness(rows, [true, false])).toEqual({ compared: 2, stale: 3 });
  });
});
