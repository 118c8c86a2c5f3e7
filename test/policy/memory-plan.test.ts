import { afterAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import { randomModels, tokensOf } from "./random-models.js";

const models = randomModels();
afterAll(() => models.remove());
const vocabulary = 5003;

describe("the memory of a policy", () => {
  it("never holds a matrix of tokens by vocabulary in scoring and training (Law 4)", async () => {
    await using policy = await loadPolicy(models.dir("odd"), { contextLength: 1024, trainTokens: 1024 });
    const tokens = tokensOf(1, 1024);
    await policy.score([tokens]);
    await policy.forwardBackward(
      [{ tokens, weights: tokens.slice(1).map(() => 0.1) }],
      losses.logLikelihood(),
    );
    const { largestActivation } = policy.plan;
    expect(largestActivation).toBeGreaterThan(0);
    expect(largestActivation).toBeLessThan(1024 * vocabulary * 4);
  });

  it("is planned: training with a full micro-batch and sampling in full passes use what the plan says, no more (Law 5)", async () => {
    await using policy = await loadPolicy(models.dir("odd"), {
      contextLength: 512,
      trainTokens: 512,
      batchTokens: 128,
      cacheTokens: 1024,
    });
    const planned = policy.plan;
    const tokens = tokensOf(1, 512);
    await policy.sample({ prompt: tokens.slice(0, 300), n: 8, maxTokens: 4, ignoreEos: true });
    await policy.forwardBackward(
      [{ tokens, weights: tokens.slice(1).map(() => 0.1) }],
      losses.logLikelihood(),
    );
    await policy.optimStep({ lr: 0 });
    const { highWater, ...after } = policy.plan;
    const { highWater: _, largestActivation: __, ...before } = planned;
    expect(after).toMatchObject(before);
    for (const [arena, bytes] of Object.entries(highWater))
      expect(bytes, arena).toBeLessThanOrEqual(Number(before[arena as keyof typeof before]));
    // Nothing is predicted from the last token, so that 511 of the 512 rows are computed.
    expect(highWater.activations).toBeGreaterThan(0.99 * before.activations);
    expect(highWater.weights).toBe(before.weights);
  });
});
