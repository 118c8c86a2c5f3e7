import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy, SampledChoice, SampleOptions } from "../../src/policy/policy.js";
import { disturb, randomModels, tokensOf } from "./random-models.js";

// Weight updates while samples run.
const models = randomModels();
const out = mkdtempSync(join(tmpdir(), "agl-carried-"));
vi.setConfig({ testTimeout: 240_000 });
afterAll(() => {
  models.remove();
  rmSync(out, { recursive: true });
});

const prompt = tokensOf(3, 100);
const update = [{ tokens: tokensOf(4, 60), weights: tokensOf(4, 59).map((_, i) => (i % 3) / 10) }];
const request = { prompt, n: 3, maxTokens: 600, seed: 5, ignoreEos: true };

async function load(runningSamples: "drain" | "carry"): Promise<Policy> {
  const policy = await loadPolicy(models.dir("odd"), { contextLength: 1024, runningSamples });
  await disturb(policy);
  return policy;
}

/** Samples, and updates the weights as soon as there is a token. */
async function sampleThrough(policy: Policy, more: Pick<SampleOptions, "signal" | "onAborted"> = {}) {
  let begun: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let streamed = 0;
  const onToken = (): void => {
    streamed += 1;
    begun();
  };
  const sampling = policy.sample({ ...request, ...more, onToken });
  sampling.catch(() => undefined);
  await first;
  const trained = policy
    .forwardBackward(update, losses.logLikelihood())
    .then(() => policy.optimStep({ lr: 0.05 }));
  return { sampling, trained, streamed: () => streamed };
}

/** Holds the tokens of the versions that are now the policy's against a fresh score; returns how many. */
async function expectScored(policy: Policy, choices: readonly SampledChoice[]): Promise<number> {
  let compared = 0;
  for (const { tokens, logprobs, versions } of choices) {
    const [score] = await policy.score([[...prompt, ...tokens]]);
    const expected = score?.logprobs.slice(-tokens.length);
    logprobs.forEach((logprob, i) => {
      if (versions?.[i] !== policy.version()) return;
      compared += 1;
      expect(logprob).toBe(expected?.[i]);
    });
  }
  return compared;
}

describe('a sample that an update finds running, with runningSamples: "carry",', () => {
  it("goes on under the new version, and every token has the bits of a score under its own", async () => {
    await using policy = await load("carry");
    const before = policy.version();
    await policy.saveCheckpoint(join(out, "before"));
    const { sampling, trained } = await sampleThrough(policy);
    expect((await trained).version).toBe(before + 1);
    const choices = await sampling;
    for (const { version, versions, tokens } of choices) {
      expect(version).toBe(before);
      expect(versions).toHaveLength(tokens.length);
      expect([...new Set(versions)]).toEqual([before, before + 1]);
      expect(versions).toEqual(versions?.slice().sort());
    }
    const after = await expectScored(policy, choices);
    await policy.loadCheckpoint(join(out, "before"));
    const old = await expectScored(policy, choices);
    expect(old).toBeGreaterThan(0);
    expect(after).toBeGreaterThan(0);
    expect(old + after).toBe(3 * 600);
    // Those of the prompt, and of what was sampled by then, which may be nothing.
    expect(policy.counters.carriedRows).toBeGreaterThanOrEqual(prompt.length);
  });

  it("names the versions of what it had sampled when it is given up", async () => {
    await using policy = await load("carry");
    const gone = new AbortController();
    let aborted: SampledChoice[] = [];
    const onAborted = (choices: SampledChoice[]): void => {
      aborted = choices;
    };
    const { sampling, trained, streamed } = await sampleThrough(policy, { signal: gone.signal, onAborted });
    await trained;
    const before = streamed();
    while (streamed() < before + 12) await new Promise((resolve) => setImmediate(resolve));
    gone.abort("enough");
    await expect(sampling).rejects.toBe("enough");
    expect(aborted).toHaveLength(3);
    for (const { version, versions, tokens } of aborted) {
      expect(version).toBe(2);
      expect(versions).toHaveLength(tokens.length);
      expect([...new Set(versions)]).toEqual([2, 3]);
    }
    await expectScored(policy, aborted);
  });

  it("is unchanged by what changes no weights of its own", async () => {
    await using policy = await load("carry");
    await policy.addAdapter("other", { rank: 4 });
    const [alone] = await policy.sample({ ...request, n: 1, adapter: "other" });
    let calls: Promise<unknown> | undefined;
    const interrupt = (): void => {
      calls ??= Promise.all([
        policy.score([prompt]),
        policy.forwardBackward(update, losses.logLikelihood()),
        policy.optimStep({ lr: 0.01 }),
        policy.saveAdapter(join(out, "adapter")),
        policy.addAdapter("third", { rank: 20 }),
      ]);
    };
    const [choice] = await policy.sample({ ...request, n: 1, adapter: "other", onToken: interrupt });
    await calls;
    expect(choice).toEqual(alone);
    expect(choice).not.toHaveProperty("versions");
  });

  it("keeps its adapter: removing that waits", async () => {
    await using policy = await load("carry");
    let isOver = false;
    let removal: Promise<void> | undefined;
    const remove = (): void => {
      removal ??= policy.removeAdapter("default").then(() => expect(isOver).toBe(true));
    };
    const [choice] = await policy.sample({ ...request, n: 1, maxTokens: 50, onToken: remove });
    isOver = true;
    expect(choice?.tokens).toHaveLength(50);
    await removal;
  });
});

describe("by default", () => {
  it("an update waits for what runs, and a choice has one version", async () => {
    await using policy = await load("drain");
    const { sampling, trained } = await sampleThrough(policy);
    let isOver = false;
    const after = trained.then(() => expect(isOver).toBe(true));
    const choices = await sampling;
    isOver = true;
    await after;
    for (const choice of choices) {
      expect(choice.version).toBe(2);
      expect(choice).not.toHaveProperty("versions");
    }
    expect(policy.counters.carriedRows).toBe(0);
  });
});
