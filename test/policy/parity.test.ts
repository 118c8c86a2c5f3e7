import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import {
  type ExpectedNumbers,
  largestError,
  readExpected,
  readTensors,
  relativeError,
} from "./expected-numbers.js";
import { expectedText, modelDir, modelNames } from "./fixture-models.js";

// Bounds of the reference's README: transformers in float32 agrees with float64 to 1e-5 and 4e-6; ours may be 5 and 25 times that.
const kLogprob = 5e-5;
const kGradient = 1e-4;

describe.each(modelNames)("the policy of %s", (name) => {
  const dir = modelDir(name);
  const law = (sentence: string, check: () => Promise<void> | void) =>
    it(sentence, async (context) => {
      if (dir === undefined)
        context.skip(`this checkout has neither ../shared/fixtures/models/${name} nor a copy`);
      await check();
    });
  let policy: Policy;
  let expected: ExpectedNumbers;
  let ids: number[][];
  const adapterDir = join(dir ?? "", "adapter");

  beforeAll(async () => {
    if (dir === undefined) return;
    expected = readExpected(dir);
    ids = expected.rows("input_ids");
    policy = await loadPolicy(dir, { compute: "f32", contextLength: 128, adapter: adapterDir });
  });
  afterAll(async () => policy?.close());

  const wllUpdate = () => {
    const weights = expected.rows("weights");
    return ids.map((tokens, s) => ({ tokens, weights: weights[s] ?? [] }));
  };

  law("computes the reference's log-probabilities without the adapter, at both temperatures", async () => {
    for (const [tensor, temperature] of [
      ["base.logprobs", 1],
      ["base.logprobs_t0.7", 0.7],
    ] as const) {
      const scores = await policy.score(ids, { adapter: "base", temperature });
      const rows = expected.rows(tensor);
      for (const [s, { logprobs }] of scores.entries())
        expect(largestError(logprobs, rows[s] ?? [])).toBeLessThan(kLogprob);
    }
  });

  law("computes the reference's log-probabilities and entropies with the adapter", async () => {
    const scores = await policy.score(ids);
    const [logprobs, entropies] = [expected.rows("lora.logprobs"), expected.rows("lora.entropy")];
    for (const [s, score] of scores.entries()) {
      expect(largestError(score.logprobs, logprobs[s] ?? [])).toBeLessThan(kLogprob);
      expect(largestError(score.entropy, entropies[s] ?? [])).toBeLessThan(kLogprob);
    }
  });

  law("continues greedily as the reference does", async () => {
    const greedy = expected.rows("base.greedy")[0] ?? [];
    const [choice] = await policy.sample({
      prompt: greedy.slice(0, 8),
      maxTokens: greedy.length - 8,
      temperature: 0,
      ignoreEos: true,
      adapter: "base",
    });
    expect([...(choice?.tokens ?? [])]).toEqual(greedy.slice(8));
  });

  law("adds the reference's gradients of a weighted log-likelihood", async () => {
    await policy.zeroGradients();
    const result = await policy.forwardBackward(wllUpdate(), losses.logLikelihood());
    expect(relativeError([result.loss], expected.get("wll.loss").data)).toBeLessThan(1e-5);
    await expectGradients("wll.grad.");
  });

  law("adds the reference's gradients of a clipped update with a KL term", async () => {
    await policy.zeroGradients();
    const base = await policy.score(ids, { adapter: "base" });
    const [old, mask] = [expected.rows("grpo.old_logprobs"), expected.rows("grpo.mask")];
    const advantages = expected.get("grpo.advantages").data;
    const update = ids.map((tokens, s) => ({
      tokens,
      mask: mask[s] ?? [],
      oldLogprobs: old[s] ?? [],
      refLogprobs: base[s]?.logprobs ?? [],
      advantages: advantages[s] ?? 0,
    }));
    const loss = losses.ppoClip({
      low: 0.2,
      high: 0.28,
      kl: { kind: "k3", coefficient: 0.04 },
      aggregate: { by: "token" },
    });
    const result = await policy.forwardBackward(update, loss);
    expect(relativeError([result.loss], expected.get("grpo.loss").data)).toBeLessThan(1e-4);
    await expectGradients("grpo.grad.");
    const step = await policy.optimStep({ lr: 0 });
    expect(relativeError([step.gradNorm], expected.get("grpo.grad_norm").data)).toBeLessThan(kGradient);
  });

  async function expectGradients(prefix: string): Promise<void> {
    const gradients = await policy.gradients();
    const rows = expected.under(prefix);
    expect(rows.size).toBe(gradients.size);
    for (const [parameter, gradient] of gradients)
      expect(
        relativeError(gradient, rows.get(parameter.replace("base_model.model.", "")) ?? []),
      ).toBeLessThan(kGradient);
  }

  law("is after three AdamW steps where the reference is, and its adapter survives its files", async () => {
    const out = mkdtempSync(join(tmpdir(), "agl-parity-"));
    try {
      await policy.addAdapter("three", adapterDir);
      for (let step = 1; step <= 3; step++) {
        await policy.forwardBackward(wllUpdate(), losses.logLikelihood(), { adapter: "three" });
        const settings = {
          lr: 1e-3,
          betas: [0.9, 0.999],
          eps: 1e-8,
          weightDecay: 0.01,
          maxGradNorm: 1,
        } as const;
        expect((await policy.optimStep({ adapter: "three", ...settings })).version).toBe(step);
      }
      const scores = await policy.score(ids, { adapter: "three" });
      const logprobs = expected.rows("adamw3.logprobs");
      for (const [s, score] of scores.entries())
        expect(largestError(score.logprobs, logprobs[s] ?? [])).toBeLessThan(2e-4);

      await policy.saveAdapter(out, { name: "three" });
      expectUpdate(out);
      await policy.addAdapter("again", out);
      expect(await policy.score(ids, { adapter: "again" })).toEqual(scores);
      await policy.removeAdapter("again");
      await policy.removeAdapter("three");
    } finally {
      rmSync(out, { recursive: true });
    }
  });

  // The norm of the difference over the norm of the update, over all parameters.
  function expectUpdate(saved: string): void {
    const start = readTensors(join(adapterDir, "adapter_model.safetensors"));
    const actual: number[] = [];
    const update: number[] = [];
    for (const [parameter, { data }] of readTensors(join(saved, "adapter_model.safetensors"))) {
      const end = expected.get(`adamw3.param.${parameter.replace("base_model.model.", "")}`).data;
      for (const [i, value] of data.entries()) {
        const from = start.get(parameter)?.data[i] ?? Number.NaN;
        actual.push(value - from);
        update.push((end[i] ?? Number.NaN) - from);
      }
    }
    expect(relativeError(actual, update)).toBeLessThan(1e-3);
  }

  law("saves an adapter with the bytes it was loaded with", async () => {
    const out = mkdtempSync(join(tmpdir(), "agl-parity-"));
    try {
      await policy.addAdapter("same", adapterDir);
      await policy.saveAdapter(out, { name: "same" });
      await policy.removeAdapter("same");
      const file = "adapter_model.safetensors";
      expect(readTensors(join(out, file))).toEqual(readTensors(join(adapterDir, file)));
    } finally {
      rmSync(out, { recursive: true });
    }
  });

  law("renders the reference's conversations and encodes its texts", () => {
    const { chat, encode } = expectedText(dir ?? "");
    for (const { messages, tools, text } of chat) {
      const rendered = policy.renderChat(messages, tools === null ? {} : { tools });
      expect(rendered.text).toBe(text);
      expect(rendered.ids).toEqual(policy.tokenizer.encode(text));
    }
    for (const { text, ids: encoded } of encode) {
      expect([...policy.tokenizer.encode(text)]).toEqual(encoded);
    }
  });
});
