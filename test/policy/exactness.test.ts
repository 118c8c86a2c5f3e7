import { afterAll, describe, expect, it, vi } from "vitest";
import { devices } from "../../src/policy/engine/devices.js";
import type { LoadPolicyOptions } from "../../src/policy/load-options.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy, SampledChoice } from "../../src/policy/policy.js";
import { disturb, randomModels, type ShapeName, tokensOf } from "./random-models.js";

// Law 1: the log-probability of a token is the same bits from sample, score and forwardBackward, whatever rides along.
const models = randomModels();
// The widest model takes some seconds on an idle machine.
vi.setConfig({ testTimeout: 240_000 });
afterAll(() => models.remove());

/** One below, at and above every block and chunk, in no order. */
const edges = [900, 1, 129, 31, 257, 32, 128, 255, 33, 127, 256, 2];

interface Sampled {
  readonly prompt: readonly number[];
  readonly choices: readonly SampledChoice[];
}

/** Everything that was sampled, prompt and answer, as sequences. */
function sequencesOf(sampled: readonly Sampled[]): { tokens: number[]; choice: SampledChoice }[] {
  return sampled.flatMap(({ prompt, choices }) =>
    choices.map((choice) => ({ tokens: [...prompt, ...choice.tokens], choice })),
  );
}

async function sampleAll(policy: Policy, lengths: readonly number[], maxTokens: number): Promise<Sampled[]> {
  return Promise.all(
    lengths.map(async (length, i) => {
      const prompt = tokensOf(length, length);
      const n = 1 + (i % 3);
      return {
        prompt,
        choices: await policy.sample({ prompt, n, maxTokens: maxTokens + (i % 4), seed: i, ignoreEos: true }),
      };
    }),
  );
}

/** Holds what was sampled against score, each sequence alone, and against forwardBackward on all at once. */
async function expectSameBits(policy: Policy, sampled: readonly Sampled[]): Promise<void> {
  const sequences = sequencesOf(sampled);
  const update = sequences.map(({ tokens, choice }) => ({
    tokens,
    weights: tokens.slice(1).map((_, i) => (i >= tokens.length - 1 - choice.tokens.length ? 0.1 : 0)),
  }));
  const trained = await policy.forwardBackward(update, losses.logLikelihood());
  await policy.zeroGradients();
  for (const [i, { tokens, choice }] of sequences.entries()) {
    const [alone] = await policy.score([tokens]);
    expect(alone?.logprobs.slice(-choice.tokens.length)).toEqual(choice.logprobs);
    expect(trained.logprobs[i]).toEqual(alone?.logprobs);
  }
}

describe.each(["f32", "bf16"] as const)("in %s", (compute) => {
  async function load(name: ShapeName, options: LoadPolicyOptions = {}): Promise<Policy> {
    const policy = await loadPolicy(models.dir(name), {
      compute,
      contextLength: 1024,
      cacheTokens: 8192,
      ...options,
    });
    await disturb(policy);
    return policy;
  }

  describe.each([
    ["odd", edges, 5],
    ["full", edges, 5],
    ["wide", [300, 1, 129, 31, 33], 3],
  ] as const)("the %s model", (name, lengths, maxTokens) => {
    it("gives a token the same bits in sample, score and forwardBackward", async () => {
      await using policy = await load(name);
      await expectSameBits(policy, await sampleAll(policy, lengths, maxTokens));
    });
  });

  describe("sampling", () => {
    it("gives the same tokens and bits on one thread and two, in passes of any size, on memory full of NaN", async () => {
      const lengths = edges.slice(1);
      const results: Sampled[][] = [];
      for (const options of [
        { threads: 1 },
        { threads: 2, testing: { poison: true } },
        { threads: 2, batchTokens: 37, cacheTokens: 2048, testing: { poison: true } },
        { threads: 1, batchTokens: 128 },
      ] satisfies LoadPolicyOptions[]) {
        await using policy = await load("odd", options);
        results.push(await sampleAll(policy, lengths, 4));
        if (results.length === 3) await expectSameBits(policy, results[2] ?? []);
      }
      for (const result of results) expect(result).toEqual(results[0]);
    });

    it("gives the same bits alone and in company that joins and leaves, under three adapters", async () => {
      await using policy = await load("odd");
      await policy.addAdapter("other", { rank: 5, seed: 6 });
      await disturb(policy, "other");
      const trunk = tokensOf(77, 140);
      const prompts = Array.from({ length: 40 }, (_, i) =>
        i % 4 === 0 ? [...trunk.slice(0, 30 + 2 * i), i] : tokensOf(i, 1 + ((i * 29) % 150)),
      );
      const adapterOf = (i: number) => ["default", "base", "other"][i % 3] ?? "base";
      const request = (i: number) => ({
        prompt: prompts[i] ?? [],
        adapter: adapterOf(i),
        maxTokens: 3 + (i % 9),
        seed: i,
        ignoreEos: true,
      });
      const alone: SampledChoice[] = [];
      for (const i of prompts.keys()) alone.push(...(await policy.sample(request(i))));
      // Forgets what the adapters have in token memory; their versions are others.
      for (const adapter of ["default", "other"]) await policy.optimStep({ lr: 0, adapter });
      const controllers = prompts.map(() => new AbortController());
      // Request i + 3 joins at the second token of request i; every fifth leaves at its third.
      const running = new Map<number, Promise<SampledChoice[]>>();
      const join = (i: number): void => {
        if (i >= prompts.length || running.has(i)) return;
        let seen = 0;
        const onToken = (): void => {
          seen += 1;
          if (seen === 2) join(i + 3);
          if (seen === 3 && i % 5 === 4) controllers[i]?.abort("left");
        };
        const signal = controllers[i]?.signal ?? AbortSignal.abort();
        const call = policy.sample({ ...request(i), onToken, signal });
        call.catch(() => undefined);
        running.set(i, call);
      };
      for (const i of [0, 1, 2]) join(i);
      for (let i = 0; i < prompts.length; i++) {
        const outcome = await running.get(i)?.catch((reason: unknown) => reason);
        if (i % 5 === 4) expect(outcome).toBe("left");
        else expect(outcome).toEqual([{ ...alone[i], version: adapterOf(i) === "base" ? 0 : 3 }]);
      }
    });

    it("gives the same bits when the prompt is in token memory, in part or whole, and when it is not", async () => {
      await using policy = await load("odd");
      const prompt = tokensOf(7, 300);
      const request = { prompt, n: 2, maxTokens: 40, seed: 3, ignoreEos: true };
      const first = await policy.sample(request);
      const cachedBefore = policy.counters.cachedPromptTokens;
      const prefilled = policy.counters.prefillRows;
      expect(await policy.sample(request)).toEqual(first);
      expect(policy.counters.cachedPromptTokens - cachedBefore).toBeGreaterThanOrEqual(299);
      expect(policy.counters.prefillRows - prefilled).toBeLessThanOrEqual(1);
      // The next turn continues the first one's answer.
      for (const cut of [1, 31, 32, 33, 40]) {
        const turn = [...prompt, ...(first[0]?.tokens.slice(0, cut) ?? []), ...tokensOf(8, 50)];
        const [choice] = await policy.sample({ prompt: turn, maxTokens: 5, seed: cut, ignoreEos: true });
        const [score] = await policy.score([[...turn, ...(choice?.tokens ?? [])]]);
        expect(score?.logprobs.slice(-5)).toEqual(choice?.logprobs);
      }
    });

    it("never continues from what older weights computed", async () => {
      await using policy = await load("odd");
      const request = { prompt: tokensOf(5, 140), maxTokens: 6, seed: 1, ignoreEos: true };
      const [before] = await policy.sample(request);
      await disturb(policy);
      await policy.addAdapter("other", { seed: 4 });
      for (const adapter of ["default", "base", "other"]) {
        const [choice] = await policy.sample({ ...request, adapter });
        const [score] = await policy.score([[...request.prompt, ...(choice?.tokens ?? [])]], { adapter });
        expect(score?.logprobs.slice(-6)).toEqual(choice?.logprobs);
        expect(choice?.logprobs).not.toEqual(before?.logprobs);
      }
    });

    it("gives the log-probability at its temperature, before topK and topP, and at temperature 1 when greedy", async () => {
      await using policy = await load("odd");
      const prompt = tokensOf(11, 60);
      for (const filter of [
        { temperature: 0.7, topK: 5 },
        { temperature: 1.3, topP: 0.3 },
        { temperature: 0 },
      ]) {
        const [choice] = await policy.sample({ prompt, maxTokens: 8, seed: 2, ignoreEos: true, ...filter });
        const [score] = await policy.score([[...prompt, ...(choice?.tokens ?? [])]], {
          temperature: filter.temperature,
        });
        expect(score?.logprobs.slice(-8)).toEqual(choice?.logprobs);
      }
    });
  });

  describe("training", () => {
    it("gives the same bits for batches of 1 to 40, packed or in a forest, in micro-batches of any size", async () => {
      const trunk = tokensOf(1, 200);
      const sequences = Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0
          ? [...trunk.slice(0, 20 + 4 * i), ...tokensOf(100 + i, 1 + i)]
          : tokensOf(i, 2 + ((i * 37) % 300)),
      );
      const logprobs: Float32Array[][] = [];
      for (const trainTokens of [1024, 4096, 16_384]) {
        await using policy = await load("full", { trainTokens });
        const update = sequences.map((tokens) => ({ tokens, weights: tokens.slice(1).map(() => 0.1) }));
        logprobs.push((await policy.forwardBackward(update, losses.logLikelihood())).logprobs);
        logprobs.push((await policy.score(sequences)).map((score) => score.logprobs));
        for (const count of [1, 2, 7, 19]) {
          const part = await policy.score(sequences.slice(0, count));
          expect(part.map((score) => score.logprobs)).toEqual(logprobs[0]?.slice(0, count));
        }
      }
      for (const result of logprobs) expect(result).toEqual(logprobs[0]);
    });

    it("gives the same adapter on one thread and two, and on memory full of NaN", async () => {
      const results: Map<string, Float32Array>[] = [];
      for (const options of [
        { threads: 1 },
        { threads: 2, testing: { poison: true } },
      ] satisfies LoadPolicyOptions[]) {
        await using policy = await load("odd", options);
        const tokens = tokensOf(3, 333);
        const weights = tokens.slice(1).map((_, i) => (i % 5) - 2);
        await policy.forwardBackward([{ tokens, weights }], losses.logLikelihood());
        results.push(await policy.gradients());
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[0]?.size).toBe(28);
    });
  });

  describe("instruction sets", () => {
    type Isa = "scalar" | "avx2" | "avx512" | "amx";
    const run = async (name: ShapeName, isa: Isa | undefined, lengths: readonly number[]) => {
      await using policy = await load(name, isa === undefined ? {} : { testing: { isa } });
      const sampled = await sampleAll(policy, lengths, 3);
      const tokens = tokensOf(9, 130);
      await policy.forwardBackward(
        [{ tokens, weights: tokens.slice(1).map((_, i) => i % 2) }],
        losses.logLikelihood(),
      );
      return { sampled, gradients: await policy.gradients() };
    };
    // A machine has its widest set and all narrower ones.
    const sets: readonly Isa[] = ["scalar", "avx2", "avx512", "amx"];
    const own: readonly string[] = devices().map(({ isa }) => isa);
    const widest = sets.findIndex((isa) => own.includes(isa));
    it.for([
      ["odd", "scalar", [1, 33, 129]],
      ["full", "scalar", [33]],
      ["odd", "avx2", edges],
      ["wide", "avx2", [1, 130]],
    ] as const)(
      "give the %s model the same bits: %s as the widest",
      async ([name, isa, lengths], { skip }) => {
        if (sets.indexOf(isa) >= widest) skip(`${isa} is the widest of this machine, or wider`);
        expect(await run(name, isa, lengths)).toEqual(await run(name, undefined, lengths));
      },
    );
  });
});
