// What a trainer refuses before anything is trained, by the option's name.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { sft } from "../../src/algorithms/sft.js";
import type { Policy } from "../../src/policy/policy.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = async () =>
  (await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "abc" }] }))
    .choices[0]?.message.content ?? "";

let policy: Policy;
let out: string;
beforeAll(async () => {
  policy = await tinyPolicy();
  out = mkdtempSync(join(tmpdir(), "agl-options-"));
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

const trainerOf = (more: object) =>
  createTrainer({
    policy,
    agent: async () => (await ask()).length,
    algorithm: grpo({ groupSize: 4, lr: 1e-2 }),
    sampling: { maxTokens: 8 },
    ...more,
  });

describe("createTrainer", () => {
  it.each([
    ["algorithm", { algorithm: grpo }],
    ["algorithm.groupSize", { algorithm: { name: "own", update: async () => ({ metrics: {} }) } }],
    ["adapter", { adapter: "another", algorithm: sft() }],
    ["store", { store: "memory:" }],
    ["redact", { redact: "secrets" }],
    ["routes.forward", { routes: { forward: "gpt-4*" } }],
    ["routes.hosts", { routes: { hosts: [""] } }],
    ["routes.hosts", { routes: { hosts: ["*."] } }],
    ["routes.hosts", { routes: { hosts: ["http://localhost:8000/v1"] } }],
    ["routes.hosts", { routes: { hosts: "localhost" } }],
    ["seed", { seed: -1 }],
    ["seed", { seed: 2n ** 64n }],
    ["seed", { seed: 0.5 }],
    ["concurrency", { concurrency: 0 }],
    ["klEvery", { klEvery: 0 }],
    ["checkpointEvery", { checkpointEvery: 0 }],
    ["sampling.maxTokens", { sampling: { maxTokens: 0 } }],
    ["validationMaxTokens", { validationMaxTokens: 0 }],
    ["timeoutMs", { timeoutMs: 0 }],
    ["timeoutMs", { timeoutMs: 2 ** 31 }],
    ["metricsFile", { metricsFile: "" }],
    ["checkpointFile", { checkpointFile: 5 }],
  ])("refuses a wrong %s by name", (name, option) => {
    expect(() => trainerOf(option)).toThrow(
      expect.objectContaining({ code: "E_ARGUMENT", message: expect.stringContaining(`expected ${name}`) }),
    );
  });
});

it("a trainer takes its numbers at their ends, and hosts with or without a port", () => {
  for (const option of [
    ...[
      { seed: 0 },
      { seed: 2n ** 64n - 1n },
      { timeoutMs: 1 },
      { timeoutMs: null },
      { timeoutMs: 2 ** 31 - 1 },
    ],
    ...[
      { concurrency: 1 },
      { klEvery: 1 },
      { klEvery: null },
      { checkpointEvery: 1 },
      { validationMaxTokens: 1 },
    ],
    { routes: { hosts: ["*", "localhost:8000", "*.example.com", "example.com:80"] } },
  ])
    expect(() => trainerOf(option)).not.toThrow();
});

describe("an adapter that the policy has not", () => {
  it.each([
    ["./adapters/mine", 'addAdapter("mine", "./adapters/mine")'],
    [{ rank: 16 }, "loadPolicy(folder, { adapter: { rank: 16 } })"],
  ])("%j is refused with what makes it one", (adapter, remedy) => {
    expect(() => trainerOf({ adapter, algorithm: sft() })).toThrow(remedy);
  });

  it("is refused without a guess where its name says nothing", () => {
    const refusal = () => trainerOf({ adapter: "another", algorithm: sft() });
    expect(refusal).toThrow("base");
    expect(refusal).not.toThrow("add the folder");
  });
});

describe("a trainer", () => {
  it("refuses a sampling temperature, a signal and batches that are none, without running the agent", async () => {
    let runs = 0;
    await using trainer = trainerOf({ agent: () => runs++ });
    const wrong = { code: "E_ARGUMENT" };
    await expect(trainer.evaluate(["a"], { temperature: -1 })).rejects.toMatchObject(wrong);
    await expect(trainer.step(["a"], { signal: "stop" as never })).rejects.toMatchObject(wrong);
    await expect(trainer.fit(undefined as never)).rejects.toMatchObject(wrong);
    expect(runs).toBe(0);
  });

  it.each(["metricsFile", "checkpointFile"])(
    "refuses a %s that cannot be written before it trains",
    async (name) => {
      const blocked = join(out, `blocked-${name}`);
      writeFileSync(blocked, "");
      await using trainer = trainerOf({ [name]: join(blocked, "file") });
      await expect(trainer.step(["a"])).rejects.toMatchObject({
        code: "E_ARGUMENT",
        message: expect.stringContaining(`expected ${name} ${blocked}`),
      });
      expect(trainer.steps).toBe(0);
    },
  );

  it("leaves the policy as it is when it refuses a checkpoint of another run", async () => {
    const checkpointFile = join(out, "other.safetensors");
    await using first = trainerOf({ checkpointFile, seed: 1 });
    const numbers = async (of: Policy) => (await of.score([[0, 1, 2]]))[0]?.logprobs;
    const before = await numbers(policy);
    const { metrics } = await first.step(["a", "b"]);
    expect(metrics["update/count"]).toBe(1);
    const bytes = readFileSync(checkpointFile);
    await using fresh = await tinyPolicy();
    await using second = trainerOf({ policy: fresh, checkpointFile, seed: 2 });
    await expect(second.resume()).rejects.toThrow('"seed":"1"');
    expect(await numbers(fresh)).toEqual(before);
    expect(readFileSync(checkpointFile).equals(bytes)).toBe(true);
    expect(existsSync(checkpointFile)).toBe(true);
  });
});
