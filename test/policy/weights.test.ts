// loadPolicy({ weights }): the layers' weights in one byte each.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import { readExpected } from "./expected-numbers.js";
import { qwen2 } from "./fixture-models.js";

const small = { contextLength: 128, cacheTokens: 512, adapter: join(qwen2, "adapter") } as const;

/** Root mean square of the errors of log-probabilities against float64. */
async function errorOf(policy: Policy): Promise<number> {
  const expected = readExpected(qwen2);
  const rows = expected.rows("lora.logprobs");
  const scores = await policy.score(expected.rows("input_ids"));
  const squares = scores.flatMap(({ logprobs }, s) =>
    [...logprobs].map((logprob, t) => (logprob - (rows[s]?.[t] ?? Number.NaN)) ** 2),
  );
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

// How far a weight may move against what bf16 rounds off an operand, 2^-9 of it: fp8 moves it by 2^-4; int8 by max / 254, which is
// 2^-6 of the root mean square where the largest is four times that.
describe.each([
  ["int8", 2 ** 3],
  ["fp8", 2 ** 5],
] as const)("weights in %s", (weights, ratio) => {
  it("say so in the arithmetic, and err by no more than their steps are wider than those of bf16", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, weights });
    await using plain = await loadPolicy(qwen2, { ...small, compute: "bf16" });
    expect(policy.arithmetic).toBe(plain.arithmetic.replace("-r", `-${weights}-r`));
    const error = await errorOf(policy);
    const plainError = await errorOf(plain);
    expect(error).toBeLessThan(ratio * plainError);
    expect(error).toBeGreaterThan(plainError);
    expect(policy.plan.weights).toBeLessThan(0.65 * plain.plan.weights);
  });

  it("are the same bytes to the sampler and to the trainer, before an update and after it", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, weights });
    const prompt = [5, 17, 300, 42, 7, 7, 99];
    const repeated = { tokens: [...prompt, 1, 2, 3], weights: [0, 0, 0, 0, 0, 0, 1, 1, 1] };
    const totals: number[] = [];
    for (let step = 0; step < 3; step++) {
      const [choice] = await policy.sample({ prompt, maxTokens: 40, seed: 1, ignoreEos: true });
      const sampled = choice ?? expect.fail("no choice");
      expect(sampled.arithmetic).toBe(policy.arithmetic);
      const tokens = [...prompt, ...sampled.tokens];
      const silent = { tokens, weights: tokens.slice(1).map(() => 0) };
      const { logprobs } = await policy.forwardBackward([silent, repeated], losses.logLikelihood());
      expect(logprobs[0]?.slice(prompt.length - 1)).toEqual(sampled.logprobs);
      totals.push((logprobs[1] ?? new Float32Array()).slice(-3).reduce((sum, logprob) => sum + logprob, 0));
      await policy.optimStep({ lr: 0.01 });
    }
    expect(totals).toEqual(totals.toSorted((a, b) => a - b));
  });
});
