import { describe, expect, it } from "vitest";
import { checkLoss } from "../../../src/policy/losses/check-loss.js";
import { losses } from "../../../src/policy/losses/index.js";
import type { LossFunction, TokenNumbers } from "../../../src/policy/losses/policy-loss.js";
import { createUpdate } from "./update.js";

/** A loss of one's own, CISPO (arXiv:2506.13585): -sg(min(rho, 5)) A logp - 0.1 H^2, summed. */
const cispo: LossFunction = ({ logprobs, entropies, oldLogprobs, sampledLogprobs, advantages, mask }) => {
  const [dLogprobs, dEntropies] = [new Float64Array(mask.length), new Float64Array(mask.length)];
  let loss = 0;
  for (let t = 0; t < mask.length; t++) {
    if (mask[t] === 0) continue;
    // Held fixed: the weight is of numbers that do not move with logprobs.
    const weight = Math.min(Math.exp(oldLogprobs![t]! - sampledLogprobs![t]!), 5) * advantages![t]!;
    loss -= weight * logprobs[t]! + 0.1 * entropies![t]! ** 2;
    dLogprobs[t] = -weight;
    dEntropies[t] = -0.2 * entropies![t]!;
  }
  return { loss, metrics: {}, dLogprobs, dEntropies };
};

const spoiled = (spoil: (d: Float64Array, tokens: TokenNumbers) => void): LossFunction => {
  return function spoiledLoss(tokens) {
    const result = cispo(tokens);
    spoil(result.dLogprobs, tokens);
    return result;
  };
};

describe("checkLoss", () => {
  it("passes a loss written in TypeScript whose derivatives are right", () => {
    const report = checkLoss(cispo, createUpdate());
    expect(report.compared).toBe(46);
    expect(report.largestDifference).toBeLessThan(1e-9);
  });

  it("holds the numbers at update start still when they are those given", () => {
    const { oldLogprobs: _, ...fresh } = createUpdate();
    expect(checkLoss(losses.ppoClip(), fresh).compared).toBe(46);
  });

  it("refuses a derivative that is wrong by a part in 100,000, naming the token", () => {
    const loss = spoiled((d) => {
      d[0]! *= 1.00001;
    });
    expect(() => checkLoss(loss, createUpdate())).toThrow(
      /checkLoss: spoiledLoss: expected dLogprobs .* at sequence 0, token 1/,
    );
  });

  it("refuses a wrong derivative with respect to entropy", () => {
    const loss: LossFunction = (tokens) => ({ ...cispo(tokens), dEntropies: new Float64Array(23) });
    expect(() => checkLoss(loss, createUpdate())).toThrow("dEntropies");
  });

  it("refuses a loss that reads tokens which do not count", () => {
    const leaky: LossFunction = (tokens) => {
      const result = cispo(tokens);
      return { ...result, loss: result.loss + 1e-3 * tokens.logprobs.reduce((a, b) => a + b, 0) };
    };
    expect(() => checkLoss(leaky, createUpdate())).toThrow("on tokens whose mask is 0");
  });

  it("refuses a loss that multiplies by the mask instead of skipping, since 0 times NaN is NaN", () => {
    const multiplied: LossFunction = ({ logprobs, mask }) => ({
      loss: -logprobs.reduce((sum, lp, t) => sum + lp * mask[t]!, 0),
      metrics: {},
      dLogprobs: mask.map((m) => 0 - m),
    });
    expect(() => checkLoss(multiplied, createUpdate())).toThrow("NaN on tokens whose mask is 0");
  });

  it("refuses a loss that trains tokens which do not count", () => {
    expect(() =>
      checkLoss(
        spoiled((d) => d.fill(1)),
        createUpdate(),
      ),
    ).toThrow("dLogprobs of 0 where the mask is 0");
  });

  it("refuses a loss that writes into its inputs or gives another result the second time", () => {
    const writes = spoiled((_, tokens) => {
      tokens.advantages![0] = 0;
    });
    expect(() => checkLoss(writes, createUpdate())).toThrow("advantages to be left as it was");
    let calls = 0;
    const moody: LossFunction = (tokens) => ({ ...cispo(tokens), loss: calls++ });
    expect(() => checkLoss(moody, createUpdate())).toThrow("the same result with the same numbers");
  });
});
