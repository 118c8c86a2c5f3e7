import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../../src/policy/create-model.js";
import { devices } from "../../src/policy/engine/devices.js";
import type { LoadPolicyOptions } from "../../src/policy/load-options.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import { largestError } from "./expected-numbers.js";
import { qwen2 } from "./fixture-models.js";

const small = { contextLength: 64, cacheTokens: 256 } as const;
let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-load-"));
});
afterAll(() => rmSync(out, { recursive: true }));

describe("loadPolicy", () => {
  const wrong: [string, LoadPolicyOptions, string, RegExp][] = [
    ["options that are none", "f32" as never, "E_ARGUMENT", /options.*"f32"/],
    ["null for options", null as never, "E_ARGUMENT", /options.*null/],
    ["null for the options of a test", { testing: null as never }, "E_ARGUMENT", /testing.*null/],
    [
      "an unknown device",
      { device: "tpu" as never },
      "E_ARGUMENT",
      /device to be "auto", "all", "cpu", "cuda", "cuda:N" or a list/,
    ],
    ["a GPU where there is none", { device: "cuda:7" }, "E_DEVICE", /cuda:7.*got: .+device: "cpu"/],
    ["no part of the memory", { memoryFraction: 0 }, "E_ARGUMENT", /memoryFraction/],
    ["an unknown arithmetic", { compute: "fp8" as never }, "E_ARGUMENT", /compute.*"bf16"/],
    ["all weights trained in bf16", { compute: "bf16", train: "all" }, "E_ARGUMENT", /train an adapter/],
    ["weights of an unknown type", { weights: "int4" as never }, "E_ARGUMENT", /weights.*"int8".*"int4"/],
    [
      "weights of one byte under f32",
      { weights: "int8", compute: "f32" },
      "E_ARGUMENT",
      /compute.*weights: "int8".*"f32"/,
    ],
    [
      "training all weights of one byte",
      { weights: "fp8", train: "all" },
      "E_ARGUMENT",
      /train.*"fp8".*"all"/,
    ],
    ["an unknown fate of running samples", { runningSamples: true as never }, "E_ARGUMENT", /runningSamples/],
    ["no threads", { threads: 0 }, "E_ARGUMENT", /threads/],
    ["a negative seed", { seed: -1 }, "E_ARGUMENT", /seed/],
    ["a context beyond the model's", { contextLength: 513 }, "E_ARGUMENT", /contextLength.*512/],
    [
      "fewer trainTokens than a sequence may have",
      { contextLength: 64, trainTokens: 63 },
      "E_ARGUMENT",
      /trainTokens/,
    ],
    [
      "less token memory than a sequence needs",
      { contextLength: 64, cacheTokens: 127 },
      "E_ARGUMENT",
      /cacheTokens/,
    ],
    ["no batchTokens", { batchTokens: 0 }, "E_ARGUMENT", /batchTokens/],
    ["an unknown mode of training", { train: "some" as never }, "E_ARGUMENT", /train/],
    ["an adapter beside all weights", { train: "all", adapter: {} }, "E_ARGUMENT", /no adapter/],
    ["an adapter of rank 0", { adapter: { rank: 0 } }, "E_ARGUMENT", /rank/],
    ["an adapter that is not there", { adapter: "nowhere" }, "E_MODEL", /nowhere/],
    ["an adapter folder that is a model", { adapter: qwen2 }, "E_MODEL", /adapter.*is a model's folder/],
  ];
  it.each(wrong)("refuses %s", async (_name, options, code, message) => {
    const call = loadPolicy(qwen2, options);
    await expect(call).rejects.toMatchObject({ code });
    await expect(call).rejects.toThrow(message);
  });

  it.each([
    ["", "E_ARGUMENT"],
    [undefined as never, "E_ARGUMENT"],
    ["nowhere", "E_MODEL"],
    [tmpdir(), "E_MODEL"],
  ])("refuses the folder %j", async (dir, code) => {
    await expect(loadPolicy(dir)).rejects.toMatchObject({ code });
  });

  it("refuses with the numbers what cannot fit this machine", async () => {
    const call = loadPolicy(qwen2, { cacheTokens: 2 ** 30 });
    await expect(call).rejects.toMatchObject({ code: "E_MEMORY" });
    await expect(call).rejects.toThrow(/\d/);
  });

  it("leaves no thread behind when it refuses", async (context) => {
    if (!existsSync("/proc/self/task"))
      context.skip("threads are counted in /proc, which this system does not have");
    const threads = () => readdirSync("/proc/self/task").length;
    const refused = () => loadPolicy(qwen2, { cacheTokens: 2 ** 30 }).catch((error: unknown) => error);
    await refused();
    const before = threads();
    for (let i = 0; i < 5; i++) await refused();
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it("has the documented defaults", async () => {
    await using policy = await loadPolicy(qwen2);
    expect(policy.contextLength).toBe(512);
    expect(policy.arithmetic).toMatch(/^bf16-r\d+$/);
    expect(policy.adapters).toEqual(["default"]);
    expect(policy.version()).toBe(0);
    expect(policy.config).toMatchObject({ architecture: "qwen2", layers: 3, hidden: 64, vocabulary: 368 });
    const { weights, adapters, optimizer, tokenMemory, activations, scratch, total } = policy.plan;
    expect(weights + adapters + optimizer + tokenMemory + activations + scratch).toBe(total);
    // Keys and values of 3 layers, 2 heads of 16, for 16,384 tokens.
    expect(tokenMemory).toBe(16_384 * 3 * 2 * 2 * 16 * 2);
  });

  it("computes in bf16 what is stored as bf16, unless all weights are trained or f32 is asked for", async () => {
    const arithmetic = async (dir: string, options: LoadPolicyOptions = {}) => {
      await using policy = await loadPolicy(dir, { ...small, ...options });
      return policy.arithmetic.split("-")[0];
    };
    const f32 = join(out, "stored-as-f32");
    createModel(
      f32,
      {
        architecture: "llama",
        ...{ hidden: 32, layers: 1, heads: 2, kvHeads: 1, headSize: 16, intermediate: 48, vocabulary: 401 },
        tie: true,
        tokenizer: qwen2,
      },
      { seed: 1 },
    );
    expect(await arithmetic(qwen2)).toBe("bf16");
    expect(await arithmetic(qwen2, { compute: "f32" })).toBe("f32");
    expect(await arithmetic(qwen2, { train: "all" })).toBe("f32");
    expect(await arithmetic(f32)).toBe("f32");
    expect(await arithmetic(f32, { compute: "bf16" })).toBe("bf16");
  });

  it("holds weights and keys in half the memory in bf16", async () => {
    await using wide = await loadPolicy(qwen2, { ...small, compute: "f32" });
    await using narrow = await loadPolicy(qwen2, { ...small, compute: "bf16" });
    expect(narrow.plan.tokenMemory * 2).toBe(wide.plan.tokenMemory);
    // Norms and biases stay f32; the fixture's are a few percent.
    expect(narrow.plan.weights / wide.plan.weights).toBeLessThan(0.55);
  });

  it("gives a fresh adapter that changes nothing until it is trained", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, adapter: { rank: 4, alpha: 100 } });
    const tokens = [5, 17, 300, 42, 7, 7, 99];
    expect(await policy.score([tokens])).toEqual(await policy.score([tokens], { adapter: "base" }));
    const before = (await policy.score([tokens]))[0];
    await policy.forwardBackward([{ tokens, weights: [1, 1, 1, 1, 1, 1] }], losses.logLikelihood());
    const { gradNorm, version } = await policy.optimStep({ lr: 0.01 });
    expect(gradNorm).toBeGreaterThan(0);
    expect(version).toBe(1);
    const after = (await policy.score([tokens]))[0];
    const sum = (values: Float32Array | undefined) => values?.reduce((a, b) => a + b, 0) ?? Number.NaN;
    expect(sum(after?.logprobs)).toBeGreaterThan(sum(before?.logprobs) + 0.1);
  });

  it("is the same policy again after the same load: adapters, seeds, tokens", async () => {
    const run = async (seed: number) => {
      await using policy = await loadPolicy(qwen2, { ...small, seed });
      const dir = join(out, `seed-${seed}`);
      await policy.saveAdapter(dir);
      const sampled = [];
      for (let i = 0; i < 3; i++)
        sampled.push(await policy.sample({ prompt: [1, 2, 3], n: 2, maxTokens: 8 }));
      return { sampled, adapter: readFileSync(join(dir, "adapter_model.safetensors")) };
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    const other = await run(2);
    expect(other.adapter).not.toEqual(first.adapter);
    expect(other.sampled).not.toEqual(first.sampled);
    expect(first.sampled[0]).not.toEqual(first.sampled[1]);
    expect(first.sampled[0]?.[0]?.tokens).not.toEqual(first.sampled[0]?.[1]?.tokens);
  });

  it("knows its devices: the processor with its cores and memory", () => {
    const [cpu, cuda] = devices();
    expect(cpu).toMatchObject({ kind: "cpu" });
    expect(cpu?.cores).toBeGreaterThanOrEqual(1);
    expect(cpu?.memoryBytes).toBeGreaterThan(2 ** 28);
    // A GPU, or one line that says why there is none.
    expect(cuda).toMatchObject({ kind: "cuda" });
    expect((cuda?.memoryBytes ?? 0) > 2 ** 28).toBe(cuda?.unavailable === undefined);
    expect(cuda?.unavailable).not.toBe("");
    // CUDA itself takes a driver that is missing for one that is too old.
    expect(cuda?.unavailable).not.toMatch(/insufficient/);
  });

  it("keeps two policies in one process apart", async () => {
    await using one = await loadPolicy(qwen2, small);
    await using two = await loadPolicy(qwen2, small);
    const tokens = [5, 17, 300, 42];
    const before = await two.score([tokens]);
    await one.forwardBackward([{ tokens, weights: [1, 1, 1] }], losses.logLikelihood());
    await one.optimStep({ lr: 0.1 });
    await one.close();
    expect(await two.score([tokens])).toEqual(before);
  });
});

describe("an adapter on some projections of some layers", () => {
  it("survives its files, ranks and alphas of its own included", async () => {
    const dir = join(out, "partial");
    await using policy = await loadPolicy(qwen2, {
      ...small,
      adapter: { rank: 3, alpha: 7, rslora: true, targets: ["down", "q"] },
    });
    const tokens = [5, 17, 300, 42, 7];
    await policy.forwardBackward([{ tokens, weights: [1, 1, 1, 1] }], losses.logLikelihood());
    await policy.optimStep({ lr: 0.05 });
    await policy.saveAdapter(dir);
    const file = join(dir, "adapter_config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...config, alpha_pattern: { "model.layers.1.mlp.down_proj": 21 } }));
    await policy.addAdapter("patterned", dir);
    const patterned = await policy.score([tokens], { adapter: "patterned" });
    expect(
      largestError(patterned[0]?.logprobs ?? [], (await policy.score([tokens]))[0]?.logprobs ?? []),
    ).toBeGreaterThan(1e-3);
    await policy.saveAdapter(join(out, "again"), { name: "patterned" });
    await policy.addAdapter("again", join(out, "again"));
    expect(await policy.score([tokens], { adapter: "again" })).toEqual(patterned);
  });
});
