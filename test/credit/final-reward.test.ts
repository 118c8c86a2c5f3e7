import { describe, expect, it } from "vitest";
import { finalReward } from "../../src/credit/final-reward.js";
import { reward, span } from "../adapter/protocol.js";

const emitted = [reward(4, 0.7), reward(2, 0.1), span({ sequenceId: 1 })];
const legacy = (sequenceId: number, attributes: Record<string, string | number>) =>
  span({ sequenceId, name: "agentlightning.annotation", attributes });

describe("finalReward", () => {
  it("takes the returned number, true as 1 and false as 0, over what was emitted", () => {
    for (const [result, value] of [
      [0.25, 0.25],
      [0, 0],
      [true, 1],
      [false, 0],
    ] as const) {
      const { reward: final, problem, intermediate } = finalReward(emitted, result);
      expect([final, problem]).toEqual([value, null]);
      expect(intermediate.map((r) => r.value)).toEqual([0.1, 0.7]);
    }
  });

  it("takes the reward emitted last, by place and not by list order, when nothing was returned", () => {
    const { reward: final, intermediate } = finalReward(emitted, undefined);
    expect(final).toBe(0.7);
    expect(intermediate.map((r) => r.value)).toEqual([0.1]);
  });

  it("says that there is none, never 0", () => {
    expect(finalReward([span({ sequenceId: 1 })], undefined)).toMatchObject({
      reward: null,
      problem: "no-reward",
    });
  });

  it("calls what is no finite number a bad reward, returned or emitted", () => {
    for (const result of [Number.NaN, Number.POSITIVE_INFINITY, "1", {}])
      expect(finalReward(emitted, result)).toMatchObject({ reward: null, problem: "bad-reward" });
    expect(finalReward([reward(1, Number.NaN)], undefined)).toMatchObject({
      reward: null,
      problem: "bad-reward",
    });
  });

  it("reads the older encodings, the list form first", () => {
    const output = JSON.stringify({ type: "reward", value: 0.3 });
    expect(finalReward([legacy(1, { "agentops.task.output": output })], undefined).reward).toBe(0.3);
    expect(finalReward([legacy(1, { "agentops.entity.output": output })], undefined).reward).toBe(0.3);
    expect(finalReward([legacy(1, { reward: 0.4 })], undefined).reward).toBe(0.4);
    const both = { reward: 0.4, "agentlightning.reward.0.value": 0.5, "agentops.task.output": output };
    expect(finalReward([legacy(1, both)], undefined).reward).toBe(0.5);
    const other = span({
      sequenceId: 1,
      name: "step",
      attributes: { reward: 0.4, "agentops.task.output": "reward" },
    });
    expect(finalReward([other], undefined).problem).toBe("no-reward");
  });
});

describe("a reward that is none says what to return", () => {
  it.each<[unknown, RegExp]>([
    ["1", /a value of type string; .*Number\(value\)$/],
    [1n, /a value of type bigint; .*Number\(value\)$/],
    [{ reward: 1 }, /a value of type object; return its number alone, as in .*\.reward$/],
    [[1, 0], /an array; return one number, as their sum or mean$/],
    [Number.NaN, /got NaN; where there is nothing to divide .*return 0$/],
  ])("%s", (result, message) => {
    expect(finalReward([], result)).toMatchObject({
      problem: "bad-reward",
      error: expect.stringMatching(message),
    });
  });
});
