import { describe, expect, it } from "vitest";
import { checkLoss } from "../../../src/policy/losses/check-loss.js";
import { losses } from "../../../src/policy/losses/index.js";
import { createUpdate, isNear } from "./update.js";

describe("losses.logLikelihood", () => {
  it("is minus the weighted sum of the log-probabilities that count, and its derivative minus the weights", () => {
    const u = createUpdate();
    const { loss, dLogprobs } = losses.logLikelihood().evaluate(u);
    const expected = u.logprobs.reduce((sum, lp, t) => sum - u.mask[t]! * u.weights[t]! * lp, 0);
    expect(isNear(loss, expected, 1e-14, 0)).toBe(true);
    expect([...dLogprobs]).toEqual([...u.weights].map((w, t) => (u.mask[t] === 1 ? -w : 0)));
  });

  it("has derivatives that are central differences", () => {
    expect(checkLoss(losses.logLikelihood(), createUpdate()).compared).toBe(46);
  });

  it("reads nothing on a token of weight 0 and reports means over the others", () => {
    const { loss, metrics } = losses.logLikelihood().evaluate({
      offsets: Int32Array.of(0, 3),
      logprobs: Float64Array.of(-0.1, Number.NaN, -0.3),
      mask: Float64Array.of(1, 1, 1),
      weights: Float64Array.of(2, 0, -1),
      entropies: Float64Array.of(0.5, Number.NaN, 0.7),
    });
    expect(isNear(loss, 0.2 - 0.3, 1e-16, 1e-15)).toBe(true);
    expect(metrics).toEqual({ tokens: 2, logprob: -0.2, entropy: 0.6 });
  });
});
