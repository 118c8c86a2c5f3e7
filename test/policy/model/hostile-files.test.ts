import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import type { Policy } from "../../../src/policy/policy.js";
import { qwen2 } from "../fixture-models.js";

// Files that were cut short or whose bits flipped: a documented error that names the file, or a policy that works; never a crash.
const small = { contextLength: 64, cacheTokens: 128, batchTokens: 64, trainTokens: 64, threads: 1 } as const;
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "agl-hostile-"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Mulberry32: the same damage every time. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Damage {
  readonly file: string;
  readonly bytes: Buffer;
}

const kFiles = [
  "model.safetensors",
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
];
const kAdapterFiles = ["adapter/adapter_model.safetensors", "adapter/adapter_config.json"];

function damage(originals: ReadonlyMap<string, Buffer>, random: (below: number) => number): Damage {
  const kind = random(10);
  const names = kind < 4 ? ["model.safetensors"] : kind < 7 ? kAdapterFiles : kFiles;
  const file = names[random(names.length)] ?? "";
  const whole = originals.get(file) ?? Buffer.alloc(0);
  // Half of the damage goes to the first 8 KiB, where the headers are.
  const at = random(random(2) === 0 ? Math.min(8192, whole.length) : whole.length);
  if (random(3) === 0) return { file, bytes: whole.subarray(0, at) };
  const bytes = Buffer.from(whole);
  for (let flips = 1 + random(3); flips > 0; flips--) {
    const place = (at + random(64)) % bytes.length;
    bytes[place] = (bytes[place] ?? 0) ^ (1 << random(8));
  }
  return { file, bytes };
}

async function use(policy: Policy): Promise<void> {
  await policy.sample({ prompt: [1, 2, 3], n: 2, maxTokens: 2 });
  await policy.score([[1, 2, 3]]);
}

describe("500 damaged folders", () => {
  it("give the documented error, or a policy that answers", async () => {
    const dir = join(root, "model");
    cpSync(qwen2, dir, { recursive: true });
    const originals = new Map(
      [...kFiles, ...kAdapterFiles].map((file) => [file, readFileSync(join(dir, file))]),
    );
    const random = createRandom(1);
    const outcomes = new Map<string, number>();
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    for (let i = 0; i < 500; i++) {
      const { file, bytes } = damage(originals, random);
      writeFileSync(join(dir, file), bytes);
      try {
        await using policy = await loadPolicy(dir, { ...small, adapter: join(dir, "adapter") });
        await use(policy);
        count("works");
      } catch (error) {
        if (!(error instanceof LightningError))
          throw new Error(`damage ${i} to ${file}: ${error}`, { cause: error });
        expect(["E_MODEL", "E_ARGUMENT", "E_MEMORY", "E_NONFINITE"], `${i} ${error.message}`).toContain(
          error.code,
        );
        if (error.code === "E_MODEL") expect(error.message).toContain(file.split("/").at(-1)?.split(".")[0]);
        count(error.code);
      }
      writeFileSync(join(dir, file), originals.get(file) ?? Buffer.alloc(0));
    }
    // Weights whose bits flipped are other weights: nothing is wrong with such a file.
    expect(outcomes.get("E_MODEL")).toBeGreaterThan(200);
    expect(outcomes.get("works")).toBeGreaterThan(50);
    expect([...outcomes.values()].reduce((a, b) => a + b)).toBe(500);
  });
});

describe("adapters that do not fit", () => {
  const adapterWith = (
    name: string,
    edit: (config: Record<string, unknown>) => Record<string, unknown>,
  ): string => {
    const dir = join(root, name);
    cpSync(join(qwen2, "adapter"), dir, { recursive: true });
    const file = join(dir, "adapter_config.json");
    writeFileSync(file, JSON.stringify(edit(JSON.parse(readFileSync(file, "utf8")))));
    return dir;
  };

  it.each([
    ["another rank", (config: Record<string, unknown>) => ({ ...config, r: 4 }), /shape \[4,/],
    [
      "a rank pattern the weights do not have",
      (config: Record<string, unknown>) => ({ ...config, rank_pattern: { q_proj: 2 } }),
      /shape \[2,/,
    ],
    [
      "fewer targets than the file",
      (config: Record<string, unknown>) => ({ ...config, target_modules: ["q_proj"] }),
      /only LoRA pairs/,
    ],
    ["DoRA", (config: Record<string, unknown>) => ({ ...config, use_dora: true }), /use_dora/],
  ])("are refused with E_MODEL: %s; the policy goes on", async (name, edit, message) => {
    await using policy = await loadPolicy(qwen2, small);
    const call = policy.addAdapter("wrong", adapterWith(name, edit));
    await expect(call).rejects.toMatchObject({ code: "E_MODEL" });
    await expect(call).rejects.toThrow(message);
    expect(policy.adapters).toEqual(["default"]);
    await use(policy);
  });

  it("are refused with E_MODEL when they name a layer that the model does not have", async () => {
    await using policy = await loadPolicy(qwen2, small);
    const dir = adapterWith("swapped", (config) => config);
    const file = join(dir, "adapter_model.safetensors");
    const bytes = readFileSync(file);
    // A name that says layer 2 where the model's third layer is: make it the tenth.
    const text = bytes.toString("latin1").replaceAll("layers.2.", "layers.9.");
    writeFileSync(file, Buffer.from(text, "latin1"));
    expect(statSync(file).size).toBe(bytes.length);
    await expect(policy.addAdapter("wrong", dir)).rejects.toMatchObject({ code: "E_MODEL" });
  });

  it("give back their memory when they are removed", async () => {
    await using policy = await loadPolicy(qwen2, small);
    const before = policy.plan.total;
    for (let i = 0; i < 20; i++) {
      await policy.addAdapter("a", { rank: 64 });
      await policy.removeAdapter("a");
    }
    // The activations keep room for the largest rank; adapters themselves are gone.
    expect(policy.plan.adapters + policy.plan.optimizer).toBeLessThanOrEqual(before);
    const { total } = policy.plan;
    await policy.addAdapter("a", { rank: 64 });
    await policy.removeAdapter("a");
    expect(policy.plan.total).toBe(total);
  });
});
