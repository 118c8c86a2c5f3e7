import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import { relativeError } from "./expected-numbers.js";
import { disturb, randomModels, tokensOf } from "./random-models.js";

// Law 2: each distinct token once.
const models = randomModels();
let policy: Policy;
beforeAll(async () => {
  policy = await loadPolicy(models.dir("odd"), { compute: "f32", contextLength: 512, trainTokens: 2048 });
  await disturb(policy);
});
afterAll(async () => {
  await policy.close();
  models.remove();
});

/** What a call adds to each counter. */
async function counted(call: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = policy.counters;
  await call();
  return Object.fromEntries(
    Object.entries(policy.counters).map(([name, count]) => [
      name,
      count - before[name as keyof typeof before],
    ]),
  );
}

/** Eight answers of 9 tokens to one prompt. */
const prompt = tokensOf(21, 150);
const group = Array.from({ length: 8 }, (_, i) => [...prompt, ...tokensOf(30 + i, 9)]);
const updateOf = (sequences: readonly number[][]) =>
  sequences.map((tokens, s) => ({
    tokens,
    weights: tokens.slice(1).map((_, i) => ((i + s) % 7) / 10 - 0.25),
  }));

describe("a group of 8 on one prompt", () => {
  it("computes the prompt once in sampling", async () => {
    const request = { prompt: tokensOf(20, 150), n: 8, maxTokens: 5, ignoreEos: true };
    const first = await counted(() => policy.sample(request));
    expect(first.prefillRows).toBe(150);
    // The last token drawn is not computed.
    expect(first.decodeRows).toBe(8 * 4);
    expect(first.sampledTokens).toBe(40);
  });

  it("computes the prompt once in each pass of scoring and training", async () => {
    // Nothing is predicted from a sequence's last token, which is not computed.
    const rows = 150 + 8 * 8;
    const scored = await counted(() => policy.score(group));
    expect(scored.forwardRows).toBe(rows);
    const trained = await counted(() => policy.forwardBackward(updateOf(group), losses.logLikelihood()));
    expect(trained.forwardRows).toBe(rows);
    expect(trained.backwardRows).toBe(rows);
    await policy.zeroGradients();
  });

  it("continues a turn from the tokens that its answer left in memory", async () => {
    const start = tokensOf(50, 100);
    const [answer] = await policy.sample({ prompt: start, maxTokens: 20, seed: 1, ignoreEos: true });
    const turn = [...start, ...(answer?.tokens ?? []), ...tokensOf(51, 10)];
    const next = await counted(() => policy.sample({ prompt: turn, maxTokens: 1, ignoreEos: true }));
    // 119 tokens were computed; the answer's last and the new ones remain.
    expect(next.prefillRows).toBe(11);
    expect(next.cachedPromptTokens).toBe(119);
  });
});

describe("the gradients of a forest", () => {
  const gradientsOf = async (...batches: (readonly number[][])[]): Promise<Map<string, Float32Array>> => {
    const updates = updateOf(batches.flat());
    for (const batch of batches)
      await policy.forwardBackward(updates.splice(0, batch.length), losses.logLikelihood());
    const gradients = await policy.gradients();
    await policy.zeroGradients();
    return gradients;
  };
  const forest = [
    ...group,
    tokensOf(60, 3),
    prompt.slice(0, 40),
    [...prompt.slice(0, 70), ...tokensOf(61, 33)],
    [...prompt.slice(0, 70), ...tokensOf(61, 32)],
    group[0] ?? [],
  ];

  it("are those of separate sequences to rounding", async () => {
    const together = await gradientsOf(forest);
    const separate = await gradientsOf(...forest.map((sequence) => [sequence]));
    expect(together.size).toBe(28);
    // Sums over at most a few hundred tokens in another order: float32 rounding, 6e-8, times a few dozen.
    for (const [name, gradient] of together)
      expect(relativeError(gradient, separate.get(name) ?? [])).toBeLessThan(3e-6);
  });

  it("add up over two calls when the denominator is given", async () => {
    const update = forest.map((tokens, s) => ({
      tokens,
      mask: tokens.slice(1).map((_, i) => (i % 3 === 0 ? 0 : 1)),
      advantages: s / 10 - 0.45,
    }));
    const total = update.flatMap(({ mask }) => mask).reduce<number>((sum, m) => sum + m, 0);
    const run = async (...parts: (typeof update)[]) => {
      let loss = 0;
      for (const part of parts) {
        const aggregate = { by: "token", total } as const;
        loss += (await policy.forwardBackward(part, losses.ppoClip({ low: 0.2, high: 0.28, aggregate })))
          .loss;
      }
      const gradients = await policy.gradients();
      await policy.zeroGradients();
      return { loss, gradients };
    };
    const whole = await run(update);
    const split = await run(update.slice(0, 5), update.slice(5));
    const counted = losses.ppoClip({ low: 0.2, high: 0.28, aggregate: { by: "token" } });
    const { loss } = await policy.forwardBackward(update, counted);
    await policy.zeroGradients();
    expect(Math.abs(split.loss - whole.loss)).toBeLessThan(1e-9);
    expect(Math.abs(loss - whole.loss)).toBeLessThan(1e-9);
    // Advantages of both signs cancel, which leaves more of the rounding than above.
    for (const [name, gradient] of whole.gradients)
      expect(relativeError(split.gradients.get(name) ?? [], gradient)).toBeLessThan(1e-5);
  });
});
