import { describe, expect, it } from "vitest";
import { evaluateLoss } from "../../../src/policy/losses/evaluate-loss.js";
import { losses } from "../../../src/policy/losses/index.js";
import {
  type LossSequence,
  placeOf,
  toLossInputs,
  toPolicyLoss,
} from "../../../src/policy/losses/loss-inputs.js";
import type { LossFunction } from "../../../src/policy/losses/policy-loss.js";

const nothing: LossFunction = function nothing({ logprobs }) {
  return { loss: 0, metrics: {}, dLogprobs: new Float64Array(logprobs.length) };
};
const lay = (sequences: readonly LossSequence[], loss = toPolicyLoss("test", nothing)) =>
  toLossInputs("test", loss, sequences);

describe("the inputs of a loss", () => {
  it("lie end to end, one number for each token but a sequence's first", () => {
    const inputs = lay([
      {
        tokens: [5, 6, 7],
        mask: [0, 1],
        advantages: 0.7,
        oldLogprobs: Float32Array.of(-1, -2),
        rollout: "a",
        group: 9,
      },
      { tokens: [5], mask: [], advantages: [], oldLogprobs: [], rollout: "b", group: 8 },
      {
        tokens: Int32Array.of(1, 2),
        mask: [1],
        advantages: [0.2],
        oldLogprobs: [-3],
        rollout: "a",
        group: 9,
      },
    ]);
    expect(inputs).toEqual({
      offsets: Int32Array.of(0, 2, 2, 3),
      mask: Float64Array.of(0, 1, 1),
      weights: Float64Array.of(0, 1, 1),
      advantages: Float64Array.of(0.7, 0.7, 0.2),
      oldLogprobs: Float64Array.of(-1, -2, -3),
      rollouts: Int32Array.of(0, 1, 0),
      groups: Int32Array.of(0, 1, 0),
    });
  });

  it("count every token when there is no mask, and weigh by the mask when there are no weights", () => {
    const inputs = lay([{ tokens: [1, 2, 3], weights: [0.5, -0.1] }]);
    expect([inputs.mask, inputs.weights]).toEqual([Float64Array.of(1, 1), Float64Array.of(0.5, -0.1)]);
    expect(lay([{ tokens: [1, 2, 3], mask: [1, 0] }]).weights).toEqual(Float64Array.of(1, 0));
  });

  it("are refused when a field has another length, is carried by some only, or is missing for the loss", () => {
    const ok = { tokens: [1, 2, 3], mask: [1, 1], advantages: 1 };
    expect(() => lay([ok, { ...ok, mask: [1] }])).toThrow(
      "test: expected sequences[1].mask to have 2 numbers",
    );
    expect(() => lay([ok, { tokens: [1, 2], mask: [1] }])).toThrow(
      "sequences[1].advantages, as sequences[0] has it",
    );
    expect(() => lay([{ ...ok, mask: [1, 2] }])).toThrow("mask to be 0 or 1 (sequence 0, token 2), got 2");
    expect(() => lay([ok, { ...ok, advantages: [0, Number.NaN] }])).toThrow(
      "advantages to be finite where it counts (sequence 1, token 2)",
    );
    expect(() => lay([{ tokens: [] }])).toThrow("sequences[0].tokens to hold at least one id");
    expect(() => lay([{ ...ok, mask: 1 as never }])).toThrow("sequences[0].mask to be an array");
    expect(() => lay([{ tokens: [1, 2], advantages: 1 }], losses.ppoClip())).toThrow(
      "to carry mask, which losses.ppoClip reads",
    );
    expect(() => lay([{ tokens: [1, 2] }], losses.logLikelihood())).toThrow("weights or mask");
    expect(() => lay([ok], losses.ppoClip({ aggregate: { by: "rollout" } }))).toThrow("to carry rollout");
    expect(() => lay([ok], losses.ppoClip({ kl: { kind: "k3", coefficient: 0.1 } }))).toThrow("refLogprobs");
    expect(() => lay([ok], losses.ppoClip({ entropy: { coefficient: 0.1 } }))).not.toThrow();
  });

  it("ignore what stands on tokens that do not count", () => {
    const inputs = lay([
      { tokens: [1, 2, 3], mask: [0, 1], advantages: [Number.NaN, 1], refLogprobs: [Infinity, -1] },
    ]);
    expect(inputs.advantages).toEqual(Float64Array.of(Number.NaN, 1));
  });

  it("name the place of a number, past sequences without any", () => {
    expect(placeOf(Int32Array.of(0, 2, 2, 5), 1)).toBe("sequence 0, token 2");
    expect(placeOf(Int32Array.of(0, 2, 2, 5), 2)).toBe("sequence 2, token 1");
    expect(placeOf(Int32Array.of(0, 2, 2, 5), 4)).toBe("sequence 2, token 3");
  });
});

describe("evaluating a loss", () => {
  const numbers = {
    ...lay([{ tokens: [1, 2, 3], mask: [0, 1], advantages: 1 }]),
    logprobs: Float64Array.of(-0.1, -0.2),
  };
  const evaluate = (f: LossFunction, tokens = numbers) =>
    evaluateLoss("policy.forwardBackward", toPolicyLoss("test", f), tokens);

  it("fills in what a loss may leave out", () => {
    expect(evaluate(nothing)).toEqual({
      loss: 0,
      metrics: {},
      dLogprobs: new Float64Array(2),
      dEntropies: new Float64Array(2),
    });
  });

  it("rejects numbers that are not finite with E_NONFINITE and the place", () => {
    const logprobs = Float64Array.of(-0.1, Number.NaN);
    const nan = {
      code: "E_NONFINITE",
      message: expect.stringContaining("sequence 0, token 2 (logprobs NaN"),
    };
    expect(() => evaluate(losses.ppoClip().evaluate, { ...numbers, logprobs })).toThrow(
      expect.objectContaining(nan),
    );
    expect(() => evaluate(losses.logLikelihood().evaluate, { ...numbers, logprobs })).toThrow(
      expect.objectContaining(nan),
    );
    const infinite = {
      code: "E_NONFINITE",
      message: expect.stringContaining("got Infinity at sequence 0, token 2"),
    };
    expect(() => evaluate((t) => ({ ...nothing(t), dEntropies: Float64Array.of(0, Infinity) }))).toThrow(
      expect.objectContaining(infinite),
    );
    expect(() => evaluate((t) => ({ ...nothing(t), loss: Infinity }))).toThrow(
      expect.objectContaining({ code: "E_NONFINITE" }),
    );
  });

  it("rejects results of the wrong shape and derivatives where the mask is 0 with E_ARGUMENT", () => {
    const bad = (result: unknown) => () => evaluate(() => result as never);
    expect(bad(undefined)).toThrow("a result with a number loss");
    expect(bad({ loss: 1 })).toThrow("dLogprobs to be a Float64Array");
    expect(bad({ loss: 1, dLogprobs: new Float64Array(3) })).toThrow("dLogprobs to have 2 numbers");
    expect(bad({ loss: 1, dLogprobs: Float64Array.of(1, 0) })).toThrow(
      "dLogprobs of 0 where the mask is 0 (sequence 0, token 1)",
    );
    expect(() => toPolicyLoss("policy.forwardBackward", {} as never)).toThrow(
      "loss to be a function or to have name, reads and evaluate",
    );
  });
});
