// Several engines as one, on CPU replicas: the same bits wherever a prompt goes, gradients that add up, weights that stay the same.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { LoadPolicyOptions } from "../../../src/policy/load-options.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { losses } from "../../../src/policy/losses/index.js";
import type { PolicyLoss } from "../../../src/policy/losses/policy-loss.js";
import type { Counters, Policy } from "../../../src/policy/policy.js";
import { madeEngines } from "../engine/made-engines.js";
import { relativeError } from "../expected-numbers.js";
import { qwen2 } from "../fixture-models.js";

vi.mock("../../../src/policy/engine/binding.js", async (original) =>
  (await import("../engine/made-engines.js")).recordEngines(original),
);

let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-replicas-"));
});
afterAll(() => rmSync(out, { recursive: true }));

const open = (replicas: number, options: LoadPolicyOptions = {}): Promise<Policy> =>
  loadPolicy(qwen2, {
    contextLength: 256,
    cacheTokens: 2048,
    threads: 2,
    adapter: `${qwen2}/adapter`,
    ...options,
    testing: { replicas, ...options.testing },
  });

const tokensOf = (seed: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (i * (7 + 2 * seed) + 31 * seed + ((i * i) % (11 + seed))) % 350);

/** Two groups on a prompt each, and three that share nothing. */
const batch = [1, 2].flatMap((group) =>
  [0, 1, 2].map((answer) => [...tokensOf(group, 60), ...tokensOf(10 * group + answer, 12 + answer)]),
);
batch.push(tokensOf(40, 90), tokensOf(41, 3), tokensOf(42, 33));
const update = batch.map((tokens, s) => ({
  tokens,
  weights: tokens.slice(1).map((_, t) => ((t + s) % 5) / 4 - 0.4),
}));
const clip = losses.ppoClip({ aggregate: { by: "sequence-mean" } });
const clipped = batch.map((tokens, s) => ({
  tokens,
  mask: tokens.slice(1).map((_, t) => (t % 4 === 0 ? 0 : 1)),
  advantages: s / 4 - 1,
  oldLogprobs: tokens.slice(1).map((_, t) => -5 - (t % 3) / 10),
}));

const requests = batch.map((prompt, i) => ({
  prompt,
  n: 1 + (i % 3),
  maxTokens: 9,
  seed: i,
  ignoreEos: true,
  topLogprobs: 2,
}));
const sampleAll = (policy: Policy) => Promise.all(requests.map((request) => policy.sample(request)));

async function train(policy: Policy, steps = 3): Promise<void> {
  for (let i = 0; i < steps; i++) {
    await policy.forwardBackward(update, losses.logLikelihood());
    await policy.optimStep({ lr: 1e-2 });
  }
}

const bytesOf = (tensors: readonly Float32Array[]): Buffer =>
  Buffer.concat(tensors.map(({ buffer }) => Buffer.from(buffer as ArrayBuffer)));

/** What a call adds to each counter of each of the engines that were made last. */
async function counted(replicas: number, call: () => Promise<unknown>) {
  const read = () => madeEngines.slice(-replicas).map(({ engine }) => engine.counters());
  const before = read();
  await call();
  return read().map((counters, r) => (name: keyof Counters) => counters[name] - (before[r]?.[name] ?? 0));
}

describe.each([2, 3])("a policy on %i engines", (replicas) => {
  it("samples and scores the bits of one engine, together and one after another", async () => {
    await using one = await open(1);
    await using many = await open(replicas);
    const expected = await sampleAll(one);
    const rows = await counted(replicas, async () => expect(await sampleAll(many)).toEqual(expected));
    for (const of of rows) expect(of("sampledTokens")).toBeGreaterThan(0);
    for (const [i, request] of [...requests.entries()].reverse())
      expect(await many.sample(request)).toEqual(expected[i]);
    const scored = await counted(replicas, async () =>
      expect(await many.score(batch)).toEqual(await one.score(batch)),
    );
    for (const of of scored) expect(of("forwardRows")).toBeGreaterThan(0);
  });

  const linear = losses.logLikelihood();
  // In f32: in bf16 the gradient of a prefix is rounded wherever a cut ends its branches.
  const small = { compute: "f32", contextLength: 100, trainTokens: 100 } as const;
  const passes: [string, PolicyLoss, LoadPolicyOptions][] = [
    ["a micro-batch each", linear, { compute: "f32" }],
    ["one pass over many", linear, small],
    ["two passes over many", clip, small],
  ];
  it.each(passes)(
    "gives the log-probabilities of one engine and its gradients to rounding, the same bits twice: %s",
    async (_name, loss, options) => {
      const run = async (count: number) => {
        await using policy = await open(count, options);
        const result = await policy.forwardBackward(loss === clip ? clipped : update, loss);
        return { result, gradients: await policy.gradients(), step: await policy.optimStep({ lr: 1e-3 }) };
      };
      const [one, many, again] = [await run(1), await run(replicas), await run(replicas)];
      expect(many.result).toEqual(one.result);
      expect(again).toEqual(many);
      expect(many.gradients.size).toBe(one.gradients.size);
      for (const [name, gradient] of one.gradients)
        expect(relativeError(many.gradients.get(name) ?? [], gradient)).toBeLessThan(3e-6);
      expect(Math.abs(many.step.gradNorm / one.step.gradNorm - 1)).toBeLessThan(3e-6);
      expect(many.step.version).toBe(1);
    },
  );

  it.each([
    ["an adapter", {}, 0],
    ["all weights", { train: "all", adapter: undefined }, -1],
  ] as const)(
    "holds the same weights and moments in each after every step: %s",
    async (_name, options, handle) => {
      await using policy = await open(replicas, options as LoadPolicyOptions);
      await train(policy);
      const engines = madeEngines.slice(-replicas).map(({ engine }) => engine);
      for (const kind of ["value", "firstMoment", "secondMoment", "gradient"] as const) {
        const [first, ...others] = await Promise.all(
          engines.map(async (engine) => bytesOf(await engine.parameters(handle, kind))),
        );
        expect(first?.some((byte) => byte !== 0)).toBe(kind !== "gradient");
        for (const other of others) expect(first?.equals(other)).toBe(true);
      }
      expect(policy.version()).toBe(3);
    },
  );

  it("saves what one engine and as many go on from", async () => {
    const [file, copy] = [join(out, "checkpoint"), join(out, "copy")] as const;
    await using policy = await open(replicas);
    await train(policy);
    await policy.saveCheckpoint(file, "state");
    await train(policy, 1);
    for (const count of [1, replicas]) {
      await using resumed = await open(count);
      await train(resumed, 1);
      expect(await resumed.loadCheckpoint(file)).toBe("state");
      await resumed.saveCheckpoint(copy, "state");
      expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
      await train(resumed, 1);
      if (count === replicas) expect(await resumed.score(batch)).toEqual(await policy.score(batch));
    }
  });
});

describe("a policy on two engines", () => {
  it("computes a prompt that requests share once in all, and two prompts side by side", async () => {
    await using _policy = await open(2);
    const prompt = tokensOf(3, 200);
    const group = await counted(2, () =>
      Promise.all(
        [0, 1, 2, 3].map((seed) => _policy.sample({ prompt, n: 1, seed, maxTokens: 5, ignoreEos: true })),
      ),
    );
    expect(group.map((of) => of("prefillRows"))).toEqual([200, 0]);
    const others = await counted(2, () =>
      Promise.all([5, 6].map((seed) => _policy.sample({ prompt: tokensOf(seed, 100), n: 2, maxTokens: 5 }))),
    );
    expect(others.map((of) => of("prefillRows"))).toEqual([100, 100]);
    const turn = [...tokensOf(6, 100), 1, 2, 3];
    const next = await counted(2, () => _policy.sample({ prompt: turn, maxTokens: 1 }));
    expect(next.map((of) => of("prefillRows"))).toEqual([0, 3]);
  });

  it("divides an update that one micro-batch could hold, and keeps together what shares a prompt", async () => {
    await using policy = await open(2);
    const two = [0, 1].flatMap((group) =>
      [0, 1, 2].map((answer) => [...tokensOf(group, 60), ...tokensOf(50 + answer, 11)]),
    );
    const rows = await counted(2, () => policy.score(two));
    expect(rows.map((of) => of("forwardRows"))).toEqual([90, 90]);
    expect(policy.counters.forwardRows).toBe(180);
  });

  it("sums bytes and tokens, names its devices and divides the threads", async () => {
    await using one = await open(1);
    await using two = await open(2, { threads: 3 });
    expect(madeEngines.slice(-3).map(({ options }) => options.threads)).toEqual([2, 1, 1]);
    expect([one.device, two.device]).toEqual(["cpu", "cpu,cpu"]);
    expect(two.arithmetic).toBe(one.arithmetic);
    const { highWater, largestActivation, ...bytes } = two.plan;
    for (const name of ["weights", "adapters", "optimizer", "tokenMemory", "activations"] as const)
      expect(bytes[name]).toBe(2 * one.plan[name]);
    const { total, ...parts } = bytes;
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(total);
    expect(highWater.weights).toBe(bytes.weights);
    expect(largestActivation).toBe(one.plan.largestActivation);
    await sampleAll(two);
    const counters = madeEngines.slice(-2).map(({ engine }) => engine.counters());
    expect(two.counters.sampledTokens).toBe(counters.reduce((sum, each) => sum + each.sampledTokens, 0));
    expect(two.counters.largestSamplerPass).toBe(
      Math.max(...counters.map(({ largestSamplerPass }) => largestSamplerPass)),
    );
  });

  it("rejects gradients that are not finite with nothing changed, gradients included", async () => {
    await using policy = await open(2);
    await train(policy, 1);
    const before = await policy.score(batch);
    const huge = update.map((sequence) => ({ ...sequence, weights: sequence.weights.map((w) => w * 3e38) }));
    await policy.forwardBackward(huge, losses.logLikelihood());
    const gradients = await policy.gradients();
    await expect(policy.optimStep({ lr: 1 })).rejects.toMatchObject({ code: "E_NONFINITE" });
    expect(await policy.gradients()).toEqual(gradients);
    expect(policy.version()).toBe(1);
    expect(await policy.score(batch)).toEqual(before);
    await policy.zeroGradients();
    await train(policy, 1);
    expect(policy.version()).toBe(2);
  });

  it("keeps adapters apart, and their names free after they are gone", async () => {
    await using one = await open(1);
    await using two = await open(2);
    for (const policy of [one, two]) {
      await policy.addAdapter("gone", { rank: 2, seed: 1 });
      await policy.removeAdapter("gone");
      await policy.addAdapter("other", { rank: 3, seed: 2 });
    }
    for (const adapter of ["default", "other", "base"])
      expect(await two.score(batch, { adapter })).toEqual(await one.score(batch, { adapter }));
    const dirs = [join(out, "one"), join(out, "two")];
    await Promise.all([one, two].map((policy, i) => policy.saveAdapter(dirs[i] ?? "", { name: "other" })));
    const [a, b] = dirs.map((dir) => readFileSync(join(dir, "adapter_model.safetensors")));
    expect(a?.equals(b ?? Buffer.of())).toBe(true);
  });

  it("cancels a sample where it runs, and the others go on", async () => {
    await using policy = await open(2);
    const abort = new AbortController();
    const long = { n: 1, maxTokens: 150, ignoreEos: true, seed: 1 };
    const expected = await policy.sample({ ...long, prompt: tokensOf(2, 20) });
    const started = [tokensOf(2, 20), tokensOf(3, 40)].map((prompt, i) =>
      policy.sample({
        ...long,
        prompt,
        ...(i === 1 ? { signal: abort.signal, onToken: () => abort.abort("enough") } : {}),
      }),
    );
    const rows = await counted(2, async () => {
      await expect(started[1]).rejects.toBe("enough");
      expect(await started[0]).toEqual(expected);
    });
    expect(rows[1]?.("sampledTokens")).toBeLessThan(150);
    await policy.score([[1, 2]]);
  });

  it("closes in the middle of sampling and of training", async () => {
    for (const replicas of [2, 3]) {
      const policy = await open(replicas);
      const running = requests.map((request) => policy.sample(request));
      const training = policy.forwardBackward(update, losses.logLikelihood());
      const [sampled, trained] = [Promise.allSettled(running), Promise.allSettled([training])];
      await policy.close();
      for (const outcome of [...(await sampled), ...(await trained)])
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "E_CLOSED" } });
    }
    const policy = await open(2);
    const training = policy.forwardBackward(update, losses.logLikelihood());
    setImmediate(() => void policy.close());
    await expect(training).rejects.toMatchObject({ code: "E_CLOSED" });
  });

  it("carries the samples of both engines over an update", async () => {
    await using policy = await open(2, { runningSamples: "carry" });
    let streamed = 0;
    let begun: () => void = () => undefined;
    const both = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const seen = [new Set<number>(), new Set<number>()];
    const samples = [0, 1].map((i) =>
      policy.sample({
        prompt: tokensOf(i, 20 + i),
        maxTokens: 200,
        ignoreEos: true,
        onToken: () => {
          seen[i]?.add(streamed++);
          if (seen.every(({ size }) => size > 0)) begun();
        },
      }),
    );
    await both;
    await train(policy, 1);
    for (const [choice] of await Promise.all(samples)) {
      expect(choice?.versions?.at(0)).toBe(0);
      expect(choice?.versions?.at(-1)).toBe(1);
    }
  });
});
