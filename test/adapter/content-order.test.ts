import { describe, expect, it } from "vitest";
import { inContentOrder } from "../../src/adapter/content-order.js";
import type { Transition } from "../../src/types/transition.js";

const call = (promptIds: readonly number[], responseIds: readonly number[]): Transition => ({
  ...{
    rolloutId: "ro",
    attemptId: "at",
    spanId: "0",
    order: 0,
    responseId: null,
    agent: "*",
    promptIds,
    responseIds,
  },
  ...{ logprobs: null, temperature: 1, adapter: null, version: null, arithmetic: null },
  ...{ finishReason: null, reward: null },
});

describe("the calls of an attempt in the order of what they say", () => {
  it("begin with the shorter prompt, then the smaller id where they differ first, then their responses likewise", () => {
    const ordered = [
      call([9], [1]),
      call([1, 2], [9]),
      call([1, 3], [4]),
      call([1, 3], [5]),
      call([1, 3], [0, 0]),
      call([2, 0], [0]),
      call([0, 0, 0], [0]),
    ];
    for (const turn of [3, 1, 5]) {
      const turned = ordered.map((_, i) => ordered[(i * turn + 2) % ordered.length] as Transition);
      expect(inContentOrder(turned)).toEqual(ordered);
    }
  });

  it("keep their order where they say the same", () => {
    const [first, second] = [call([1], [2]), { ...call([1], [2]), spanId: "1" }];
    expect(inContentOrder([second, first]).map(({ spanId }) => spanId)).toEqual(["1", "0"]);
  });
});
