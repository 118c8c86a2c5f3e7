import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { LossFunction, PolicyLoss } from "../../src/policy/losses/policy-loss.js";
import type { Policy } from "../../src/policy/policy.js";
import { relativeError } from "./expected-numbers.js";
import { qwen2 } from "./fixture-models.js";

// Training behind the facade, on a real engine.
let policy: Policy;
let divided: Policy;
beforeAll(async () => {
  const options = { contextLength: 64, cacheTokens: 256, adapter: `${qwen2}/adapter` };
  policy = await loadPolicy(qwen2, options);
  divided = await loadPolicy(qwen2, { ...options, trainTokens: 64 });
});
afterAll(() => Promise.all([policy.close(), divided.close()]));

const update = Array.from({ length: 9 }, (_, s) => {
  const tokens = Array.from({ length: 20 + 4 * s }, (_, t) => (t * (s + 3) + 7 * s) % 350);
  return { tokens, weights: tokens.slice(1).map((_, t) => ((t + s) % 5) / 4 - 0.4) };
});

async function gradientsOf(own: Policy, loss: LossFunction | ReturnType<typeof losses.logLikelihood>) {
  const result = await own.forwardBackward(update, loss);
  const gradients = await own.gradients();
  await own.zeroGradients();
  return { result, gradients };
}

describe("policy.forwardBackward", () => {
  it("takes a user's own loss as it takes a built-in one", async () => {
    const mine: LossFunction = ({ logprobs, weights }) => ({
      loss: -logprobs.reduce((sum, logprob, t) => sum + logprob * (weights[t] ?? 0), 0),
      metrics: {},
      dLogprobs: weights.map((weight) => -weight),
    });
    const [own, builtIn] = [
      await gradientsOf(policy, mine),
      await gradientsOf(policy, losses.logLikelihood()),
    ];
    expect(own.gradients).toEqual(builtIn.gradients);
    expect(Math.abs(own.result.loss - builtIn.result.loss)).toBeLessThan(1e-9);
  });

  it("gives the same numbers in one micro-batch and in many, gradients to rounding", async () => {
    const [whole, parts] = [
      await gradientsOf(policy, losses.logLikelihood()),
      await gradientsOf(divided, losses.logLikelihood()),
    ];
    expect(parts.result).toEqual(whole.result);
    for (const [name, gradient] of whole.gradients)
      expect(relativeError(parts.gradients.get(name) ?? [], gradient)).toBeLessThan(3e-6);
  });

  it("gives the same bits in one pass, from log-probabilities that are known, as in two", async () => {
    const clip = losses.ppoClip({ aggregate: { by: "sequence-mean" } });
    const moved = update.map(({ tokens, weights }, s) => ({
      tokens,
      mask: weights.map((_, t) => (t % 4 === 0 ? 0 : 1)),
      advantages: s / 4 - 1,
      oldLogprobs: weights.map((_, t) => -5 - (t % 3) / 10),
    }));
    const scores = await divided.score(moved.map(({ tokens }) => tokens));
    const known = moved.map((sequence, s) => ({ ...sequence, logprobs: scores[s]?.logprobs ?? [] }));
    const run = async (sequences: typeof moved, loss: PolicyLoss) => {
      const before = divided.counters;
      const result = await divided.forwardBackward(sequences, loss);
      const rows = {
        forward: divided.counters.forwardRows - before.forwardRows,
        backward: divided.counters.backwardRows - before.backwardRows,
      };
      const gradients = await divided.gradients();
      await divided.zeroGradients();
      return { result, gradients, rows };
    };
    for (const [loss, sequences] of [
      [clip, known],
      [losses.logLikelihood(), moved],
    ] as const) {
      const two = await run(moved, { ...loss, isLinear: false });
      const one = await run(sequences, loss);
      expect(one.result).toEqual(two.result);
      expect(one.gradients).toEqual(two.gradients);
      expect(two.rows.forward).toBe(2 * two.rows.backward);
      expect(one.rows).toEqual({ forward: two.rows.backward, backward: two.rows.backward });
    }
  });

  it("leaves the gradients of earlier calls as they are when a loss is not finite", async () => {
    for (const own of [policy, divided]) {
      await own.forwardBackward(update, losses.logLikelihood());
      const before = await own.gradients();
      const wrong: LossFunction = ({ logprobs }) => ({
        loss: Number.POSITIVE_INFINITY,
        metrics: {},
        dLogprobs: new Float64Array(logprobs.length),
      });
      await expect(own.forwardBackward(update, wrong)).rejects.toMatchObject({ code: "E_NONFINITE" });
      expect(await own.gradients()).toEqual(before);
      await own.zeroGradients();
    }
  });

  it("keeps every adapter's gradients to itself", async () => {
    await policy.addAdapter("other", { rank: 2 });
    await policy.forwardBackward(update, losses.logLikelihood(), { adapter: "other" });
    const isZero = (gradients: Map<string, Float32Array>) =>
      [...gradients.values()].every((g) => g.every((x) => x === 0));
    expect(isZero(await policy.gradients())).toBe(true);
    expect(isZero(await policy.gradients("other"))).toBe(false);
    const before = await policy.score([update[0]?.tokens ?? []]);
    await policy.optimStep({ lr: 0.1, adapter: "other" });
    expect(isZero(await policy.gradients("other"))).toBe(true);
    expect(await policy.score([update[0]?.tokens ?? []])).toEqual(before);
    await policy.removeAdapter("other");
  });

  it("differentiates the entropy, too: along its gradient the mean entropy falls as fast as the gradient says", async () => {
    const meanEntropy: LossFunction = ({ entropies, mask }) => ({
      loss: (entropies ?? mask).reduce((sum, entropy) => sum + entropy, 0) / mask.length,
      metrics: {},
      dLogprobs: new Float64Array(mask.length),
      dEntropies: mask.map(() => 1 / mask.length),
    });
    const plain = update.map(({ tokens }) => ({ tokens }));
    // eps so large that AdamW's first step is lr / eps times the gradient.
    const falls = async (lr: number) => {
      await policy.addAdapter("moved", `${qwen2}/adapter`);
      const { loss } = await policy.forwardBackward(plain, meanEntropy, { adapter: "moved" });
      const gradients = await policy.gradients("moved");
      const squared = [...gradients.values()].flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0);
      await policy.optimStep({
        adapter: "moved",
        lr: lr * 1e6,
        eps: 1e6,
        maxGradNorm: Number.POSITIVE_INFINITY,
      });
      const after = await policy.forwardBackward(plain, meanEntropy, { adapter: "moved" });
      await policy.removeAdapter("moved");
      return { slope: (loss - after.loss) / lr, squared };
    };
    const step = 0.05 / (await falls(1e-3)).squared;
    const [whole, half] = [await falls(step), await falls(step / 2)];
    // Richardson: what is left is of second order in the step, and float32 noise of 1e-6 / step.
    const slope = 2 * half.slope - whole.slope;
    expect(Math.abs(slope - whole.squared)).toBeLessThan(0.02 * whole.squared);
  });
});

describe("policy.optimStep", () => {
  it("clips to the norm, and rejects gradients that are not finite with nothing changed", async () => {
    await policy.forwardBackward(update, losses.logLikelihood());
    const before = await policy.score([update[0]?.tokens ?? []]);
    const huge = update.map((sequence) => ({ ...sequence, weights: sequence.weights.map((w) => w * 3e38) }));
    await policy.forwardBackward(huge, losses.logLikelihood());
    const version = policy.version();
    await expect(policy.optimStep({ lr: 1 })).rejects.toMatchObject({ code: "E_NONFINITE" });
    expect(policy.version()).toBe(version);
    expect(await policy.score([update[0]?.tokens ?? []])).toEqual(before);
    await policy.zeroGradients();
  });

  it("lowers the loss of a batch seen again and again", async () => {
    const seen: number[] = [];
    for (let i = 0; i < 25; i++) {
      const plain = update
        .slice(0, 3)
        .map(({ tokens }) => ({ tokens, weights: tokens.slice(1).map(() => 0.01) }));
      seen.push((await divided.forwardBackward(plain, losses.logLikelihood())).loss);
      await divided.optimStep({ lr: 0.02 });
    }
    expect(seen.at(-1)).toBeLessThan(0.3 * (seen[0] ?? 0));
  });
});
