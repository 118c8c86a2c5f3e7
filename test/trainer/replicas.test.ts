// A run on two engines: the same seed gives the same adapter, byte for byte, whichever engine a rollout was sampled on.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { qwen2 } from "../policy/fixture-models.js";

const client = new OpenAI({ apiKey: "not-needed" });
let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-replicas-"));
});
afterAll(() => rmSync(out, { recursive: true }));

/** Three steps of three tasks; `pause` moves what runs beside what. */
async function run(replicas: number, pause: (task: number) => number) {
  await using policy = await loadPolicy(qwen2, {
    contextLength: 256,
    threads: 2,
    seed: 1,
    adapter: { rank: 4 },
    testing: { replicas },
  });
  await using trainer = createTrainer({
    policy,
    agent: async (task: number) => {
      await new Promise((resolve) => setTimeout(resolve, pause(task)));
      const { choices } = await client.chat.completions.create({
        model: "m",
        messages: [{ role: "user", content: `task ${task}` }],
      });
      return [...(choices[0]?.message.content ?? "")].length % 4;
    },
    algorithm: grpo({ groupSize: 4, lr: 1e-2, updates: 2 }),
    sampling: { maxTokens: 8 },
    seed: 5,
  });
  const tokens: (readonly (readonly number[])[])[] = [];
  for (let i = 0; i < 3; i++) {
    const { rollouts } = await trainer.step([3 * i, 3 * i + 1, 3 * i + 2]);
    tokens.push(rollouts.flatMap(({ trajectories }) => trajectories.map((row) => [...row.tokens])));
  }
  const dir = mkdtempSync(join(out, "run"));
  await policy.saveAdapter(dir);
  return { tokens, version: policy.version(), adapter: readFileSync(join(dir, "adapter_model.safetensors")) };
}

describe("a run on two engines", () => {
  it("ends in the same adapter twice, and draws at first what it draws on one", async () => {
    const first = await run(2, () => 0);
    const second = await run(2, (task) => 3 * ((task * 7) % 4));
    expect(first.version).toBe(6);
    expect(second.tokens).toEqual(first.tokens);
    expect(second.adapter.equals(first.adapter)).toBe(true);
    const one = await run(1, () => 0);
    expect(one.tokens[0]).toEqual(first.tokens[0]);
  });
});
