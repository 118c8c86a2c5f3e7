import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel, type NewModel } from "../../src/policy/create-model.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import { readSafetensors } from "../../src/policy/model/safetensors.js";
import type { Policy } from "../../src/policy/policy.js";
import { qwen2 } from "./fixture-models.js";

const small = { contextLength: 64, cacheTokens: 256 } as const;
let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-train-all-"));
});
afterAll(() => rmSync(out, { recursive: true }));

describe("a policy that trains all weights", () => {
  const sequences = [{ tokens: [5, 17, 300, 42, 7, 7, 99, 5], weights: [1, 0.5, -0.25, 1, 1, 0.1, 1] }];
  const step = async (policy: Policy) => {
    await policy.forwardBackward(sequences, losses.logLikelihood());
    return policy.optimStep({ lr: 1e-3 });
  };

  it("names its gradients as the model's files do", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, train: "all" });
    await policy.forwardBackward(sequences, losses.logLikelihood());
    const gradients = await policy.gradients();
    const { tensors } = readSafetensors(join(qwen2, "model.safetensors"));
    expect([...gradients.keys()].sort()).toEqual([...tensors.keys()].sort());
    const squared = [...gradients.values()].flatMap((g) => [...g]).reduce((sum, g) => sum + g * g, 0);
    const { gradNorm } = await policy.optimStep({ lr: 0 });
    expect(Math.abs(gradNorm - Math.sqrt(squared))).toBeLessThan(1e-5 * gradNorm);
  });

  it("calls the base by default, counts its versions, and has no adapters", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, train: "all" });
    expect(policy.adapters).toEqual([]);
    expect((await step(policy)).version).toBe(1);
    expect(policy.version()).toBe(1);
    expect(policy.version("base")).toBe(1);
    const [choice] = await policy.sample({ prompt: [1], maxTokens: 1 });
    expect(choice).toMatchObject({ adapter: "base", version: 1 });
    await expect(policy.addAdapter("a")).rejects.toMatchObject({ code: "E_STATE" });
    await expect(policy.saveAdapter(out)).rejects.toMatchObject({ code: "E_STATE" });
  });

  it("learns a batch that it sees again and again, and samples from what it learned", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, train: "all" });
    const tokens = [5, 17, 300, 42, 7, 8, 99, 5];
    const lossesSeen: number[] = [];
    for (let i = 0; i < 30; i++) {
      const update = [{ tokens, weights: [1, 1, 1, 1, 1, 1, 1] }];
      lossesSeen.push((await policy.forwardBackward(update, losses.logLikelihood())).loss);
      await policy.optimStep({ lr: 3e-3 });
    }
    expect(lossesSeen.at(-1)).toBeLessThan(0.05 * (lossesSeen[0] ?? 0));
    const [choice] = await policy.sample({ prompt: [5], maxTokens: 7, temperature: 0, ignoreEos: true });
    expect([...(choice?.tokens ?? [])]).toEqual(tokens.slice(1));
    const [score] = await policy.score([tokens]);
    expect(score?.logprobs).toEqual(choice?.logprobs);
  });

  it("is saved as a folder that loads as the same model", async () => {
    const dir = join(out, "model");
    const from = join(out, "from");
    cpSync(qwen2, from, { recursive: true });
    mkdirSync(join(from, "additional_chat_templates"));
    writeFileSync(
      join(from, "additional_chat_templates/tool_use.jinja"),
      "{{ messages[0].content }} by tools",
    );
    await using policy = await loadPolicy(from, { ...small, train: "all" });
    await step(policy);
    await policy.saveModel(dir);
    await using again = await loadPolicy(dir, small);
    const tokens = [1, 2, 3, 4, 5];
    expect(await again.score([tokens], { adapter: "base" })).toEqual(await policy.score([tokens]));
    expect(again.tokenizer.decode([10, 20])).toBe(policy.tokenizer.decode([10, 20]));
    const tools = [{ type: "function" as const, function: { name: "f" } }];
    expect(again.renderChat([{ role: "user", content: "hi" }], { tools }).text).toBe("hi by tools");
    expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8")).torch_dtype).toBe("float32");
    await expect(again.saveModel(join(out, "no"))).rejects.toMatchObject({ code: "E_STATE" });
    await expect(again.saveModel(join(out, "no"))).rejects.toThrow(/saveAdapter/);
  });

  it("is not saved over the folder it was loaded from", async () => {
    const dir = join(out, "own");
    cpSync(qwen2, dir, { recursive: true });
    await using policy = await loadPolicy(dir, { ...small, train: "all" });
    await expect(policy.saveModel(dir)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});

describe("the gradients of all weights", () => {
  const common = {
    hidden: 48,
    heads: 3,
    headSize: 16,
    layers: 2,
    vocabulary: 370,
    tokenizer: qwen2,
  } as const;
  const tied: NewModel = { ...common, architecture: "qwen2", kvHeads: 1, intermediate: 72, tie: true };
  const normed: NewModel = { ...common, architecture: "qwen3", kvHeads: 3, intermediate: 40, tie: false };
  const tokens = [5, 17, 300, 42, 7, 7, 99, 5, 350, 2, 1, 64];
  const weights = [1, 0.5, -0.25, 1, 1, 0.1, 1, 0.7, 2, -1, 0.3];
  const update = [
    { tokens, weights },
    { tokens: [5, 17, 300, 9, 9], weights: [0.1, 0.2, 0.3, 0.4] },
  ];

  // The loss with one tensor of the file moved along a direction.
  async function lossAt(
    dir: string,
    file: Buffer,
    name: string,
    direction: Float32Array,
    step: number,
  ): Promise<number> {
    const { begin } = readSafetensors(join(dir, "model.safetensors")).tensors.get(name) ?? {
      begin: Number.NaN,
    };
    const moved = Buffer.from(file);
    for (const [i, d] of direction.entries())
      moved.writeFloatLE(file.readFloatLE(begin + 4 * i) + step * d, begin + 4 * i);
    const changed = join(out, "moved");
    cpSync(dir, changed, { recursive: true });
    writeFileSync(join(changed, "model.safetensors"), moved);
    await using policy = await loadPolicy(changed, { ...small, threads: 1 });
    const scores = await policy.score(
      update.map((sequence) => sequence.tokens),
      { adapter: "base" },
    );
    return -scores.reduce(
      (sum, { logprobs }, s) =>
        logprobs.reduce((part, logprob, t) => part + logprob * (update[s]?.weights[t] ?? 0), sum),
      0,
    );
  }

  it.each([
    ["a tied model with biases", tied],
    ["an untied model with norms on queries and keys", normed],
  ])("agree with central differences in every tensor of %s", async (name, model) => {
    const dir = join(out, name);
    createModel(dir, model, { seed: 3 });
    const file = readFileSync(join(dir, "model.safetensors"));
    await using policy = await loadPolicy(dir, { ...small, train: "all" });
    await policy.forwardBackward(update, losses.logLikelihood());
    const gradients = await policy.gradients();
    expect(gradients.size).toBe(readSafetensors(join(dir, "model.safetensors")).tensors.size);
    for (const [tensor, gradient] of gradients) {
      const norm = Math.hypot(...gradient);
      // Along the gradient and, as much again, across it.
      const direction = gradient.map(
        (g, i) => (norm === 0 ? 0 : g / norm) + ((i * 7919) % 13 < 6 ? 1 : -1) / Math.sqrt(gradient.length),
      );
      const slope = gradient.reduce((sum, g, i) => sum + g * (direction[i] ?? 0), 0);
      const step = 0.02 / Math.max(norm, 0.5);
      const [above, below] = [
        await lossAt(dir, file, tensor, direction, step),
        await lossAt(dir, file, tensor, direction, -step),
      ];
      // Float32 log-probabilities leave 1e-6 / step of noise; the rest is the third derivative.
      expect(Math.abs((above - below) / (2 * step) - slope), tensor).toBeLessThan(3e-6 / step + 2e-3 * norm);
    }
  });
});
