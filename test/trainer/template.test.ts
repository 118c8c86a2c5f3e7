// A run's prompts depend on template variables and a date besides the messages: both are options, and the run's record.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
// Letters that the tiny tokenizer has.
const chatTemplate =
  "{{ 'f' if strftime_now('%Y') == '2024' else 'n' }}{{ 'b' if mode is defined else 'c' }}" +
  "{% if mode == 'deep' %}d{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}";

let policy: Policy;
let out: string;
beforeAll(async () => {
  policy = await tinyPolicy({ chatTemplate });
  out = mkdtempSync(join(tmpdir(), "agl-template-"));
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

const trainerOf = (more: object) =>
  createTrainer({
    policy,
    agent: async () => {
      await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "a" }] });
      return 1;
    },
    algorithm: grpo({ groupSize: 2 }),
    sampling: { maxTokens: 2 },
    ...more,
  });

async function promptOf(more: object): Promise<string> {
  await using trainer = trainerOf(more);
  const { result } = await trainer.dev(0);
  const tokens = result.trajectories[0]?.tokens ?? new Int32Array(0);
  return policy.tokenizer.decode(tokens).split("a")[0] ?? "";
}

it("a trainer's variables and date reach every prompt", async () => {
  expect(await promptOf({})).toBe("fc");
  expect(await promptOf({ date: "2026-03-10" })).toBe("nc");
  expect(await promptOf({ template: { mode: "deep" } })).toBe("fbd");
  expect(await promptOf({ template: { mode: "flat" }, date: "2025-01-01" })).toBe("nb");
});

it("they stand in each rollout's metadata", async () => {
  const store = createMemoryStore();
  await using trainer = trainerOf({ store, date: "2026-03-10", template: { mode: "deep" } });
  await trainer.dev(0);
  const { items } = await store.queryRollouts();
  expect(items[0]?.metadata).toMatchObject({ date: "2026-03-10", template: { mode: "deep" } });
});

it("a run is not gone on with under another date or other variables", async () => {
  const checkpointFile = join(out, "run.safetensors");
  const options = { checkpointFile, date: "2026-03-10", template: { mode: "deep", b: 1 } };
  await using first = trainerOf(options);
  await first.step([0]);
  await using same = trainerOf({ ...options, template: { b: 1, mode: "deep" } });
  expect(await same.resume()).toBe(1);
  for (const other of [{ date: "2026-03-11" }, { date: undefined }, { template: { mode: "deep" } }]) {
    await using changed = trainerOf({ ...options, ...other });
    await expect(changed.resume()).rejects.toThrow(
      expect.objectContaining({ code: "E_ARGUMENT", message: expect.stringContaining("2026-03-10") }),
    );
  }
});

it("what they cannot be is refused by name before anything runs", () => {
  expect(() => trainerOf({ date: "tomorrow" })).toThrow("createTrainer: expected date to be a date");
  expect(() => trainerOf({ template: ["mode"] })).toThrow("createTrainer: expected template to be an object");
});
