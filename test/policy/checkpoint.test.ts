import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LoadPolicyOptions } from "../../src/policy/load-options.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import { readSafetensors } from "../../src/policy/model/safetensors.js";
import type { Policy } from "../../src/policy/policy.js";
import { qwen2 } from "./fixture-models.js";
import { joinSafetensors, splitSafetensors } from "./model/model-copies.js";

const small = { contextLength: 64, cacheTokens: 256, seed: 1 } as const;
const tokens = [5, 17, 300, 42, 7, 8, 99, 5];
let out: string;
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "agl-checkpoint-"));
});
afterAll(() => rmSync(out, { recursive: true }));

async function train(policy: Policy, names: readonly string[], steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) {
    for (const [j, adapter] of names.entries()) {
      const update = [{ tokens, weights: tokens.slice(1).map((_, k) => 1 + i - j * k) }];
      await policy.forwardBackward(update, losses.logLikelihood(), { adapter });
      await policy.optimStep({ adapter, lr: 1e-2 });
    }
  }
}

const scoresOf = async (policy: Policy, names: readonly string[]) =>
  Promise.all(
    names.map(async (adapter) => (await policy.score([tokens], { adapter })).map((s) => s.logprobs)),
  );

describe.each([
  ["two adapters", {}, ["default", "judge"]],
  ["all weights", { train: "all" }, ["base"]],
] as const)("a checkpoint of %s", (what, options, names) => {
  const open = async () => {
    const policy = await loadPolicy(qwen2, { ...small, ...options });
    if (names.length > 1) await policy.addAdapter("judge", { rank: 3, seed: 9 });
    return policy;
  };
  const file = () => join(out, `${what}.safetensors`);

  it("goes on to the bits of a run that never stopped, versions and the caller's text included", async () => {
    await using whole = await open();
    await train(whole, names, 2);
    await whole.saveCheckpoint(file(), "caller's ü");
    await train(whole, names, 2);
    await using resumed = await open();
    await train(resumed, names, 1);
    expect(await resumed.loadCheckpoint(file())).toBe("caller's ü");
    expect(names.map((name) => resumed.version(name))).toEqual(names.map(() => 2));
    await train(resumed, names, 2);
    expect(await scoresOf(resumed, names)).toEqual(await scoresOf(whole, names));
    expect(names.map((name) => resumed.version(name))).toEqual(names.map(() => 4));
  });

  it("forgets gradients and what was sampled under the weights it replaces", async () => {
    await using policy = await open();
    await policy.saveCheckpoint(file());
    const sample = () => policy.sample({ prompt: tokens, maxTokens: 4, temperature: 0 });
    const [first] = await sample();
    await train(policy, names, 3);
    await sample();
    await policy.forwardBackward([{ tokens, weights: tokens.slice(1) }], losses.logLikelihood());
    await policy.loadCheckpoint(file());
    const [again] = await sample();
    expect(again).toEqual(first);
    const gradients = await policy.gradients();
    expect([...gradients.values()].every((gradient) => gradient.every((value) => value === 0))).toBe(true);
  });

  it("is refused with E_MODEL, nothing changed, when it is cut, of other weights or another model's", async () => {
    await using policy = await open();
    await train(policy, names, 1);
    await policy.saveCheckpoint(file());
    await train(policy, names, 1);
    const before = await scoresOf(policy, names);
    const bytes = readFileSync(file());
    const { header, data } = splitSafetensors(bytes);
    const { __metadata__: metadata, ...tensors } = header;
    const edited = (changes: object) =>
      joinSafetensors(JSON.stringify({ __metadata__: { ...metadata, ...changes }, ...tensors }), data);
    const damaged = {
      "no file at all": null,
      "cut by a byte": bytes.subarray(0, -1),
      "of another format": edited({ format: "pt" }),
      "of another model": edited({ model: "{}" }),
      "of other weights": edited({ weights: metadata.weights.replace(names[0], "other") }),
      "without weights": edited({ weights: "[" }),
    };
    for (const [how, content] of Object.entries(damaged)) {
      const path = join(out, "damaged.safetensors");
      rmSync(path, { force: true });
      if (content !== null) writeFileSync(path, content);
      await expect(policy.loadCheckpoint(path), how).rejects.toMatchObject({ code: "E_MODEL" });
    }
    expect(await scoresOf(policy, names)).toEqual(before);
    expect(names.map((name) => policy.version(name))).toEqual(names.map(() => 2));
  });

  it("is refused with E_MODEL when a bit of its numbers changed", async () => {
    await using policy = await open();
    await train(policy, names, 1);
    const damaged = join(out, "flipped.safetensors");
    await policy.saveCheckpoint(damaged);
    const bytes = readFileSync(damaged);
    const last = bytes.length - 2;
    bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
    writeFileSync(damaged, bytes);
    const before = await scoresOf(policy, names);
    await expect(policy.loadCheckpoint(damaged)).rejects.toMatchObject({
      code: "E_MODEL",
      message: expect.stringMatching(/expected values of SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/),
    });
    expect(await scoresOf(policy, names)).toEqual(before);
  });
});

describe("a checkpoint of one adapter", () => {
  const checkpoint = () => join(out, "adapter.safetensors");
  const folder = () => join(out, "adapter");
  const trained = async (options: LoadPolicyOptions) => {
    const policy = await loadPolicy(qwen2, { ...small, ...options });
    await train(policy, ["default"], 2);
    await policy.saveCheckpoint(checkpoint());
    await policy.saveAdapter(folder());
    return policy;
  };

  it("is taken where the adapter came from the folder that was saved beside it", async () => {
    await using first = await trained({ adapter: { rank: 4, targets: ["v", "q"] } });
    await using second = await loadPolicy(qwen2, { ...small, adapter: folder() });
    await second.loadCheckpoint(checkpoint());
    expect(second.version()).toBe(2);
    for (const policy of [first, second]) await train(policy, ["default"], 1);
    expect(await scoresOf(second, ["default"])).toEqual(await scoresOf(first, ["default"]));
  });

  it.each([
    ["bf16", "f32"],
    ["f32", "bf16"],
  ] as const)(
    "of %s goes on in %s, with a warning: what is trained is float32 in both",
    async (saved, resumed) => {
      await using first = await trained({ compute: saved });
      await using second = await loadPolicy(qwen2, { ...small, compute: resumed });
      await using third = await loadPolicy(qwen2, { ...small, compute: resumed, adapter: folder() });
      const warning = once(process, "warning");
      await second.loadCheckpoint(checkpoint());
      const [{ message }] = await warning;
      expect(message).toContain(
        `trained in ${first.arithmetic}, the policy computes in ${second.arithmetic}`,
      );
      expect(second.arithmetic).not.toBe(first.arithmetic);
      expect(await scoresOf(second, ["default"])).toEqual(await scoresOf(third, ["default"]));
      const copy = join(out, "copy.safetensors");
      await second.saveCheckpoint(copy);
      const [copied, original] = [copy, checkpoint()].map(
        (file) => splitSafetensors(readFileSync(file)).data,
      );
      expect(copied?.equals(original ?? Buffer.of())).toBe(true);
    },
  );
});

describe("policy.saveCheckpoint", () => {
  it("keeps three tensors for every one that is trained, and writes the same bytes twice", async () => {
    await using policy = await loadPolicy(qwen2, { ...small, adapter: { rank: 2, targets: ["q"] } });
    await train(policy, ["default"], 1);
    const [first, second] = [join(out, "one.safetensors"), join(out, "two.safetensors")] as const;
    await policy.saveCheckpoint(first, "x");
    await policy.saveCheckpoint(second, "x");
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    const names = [...readSafetensors(first).tensors.keys()];
    const kinds = names.map((name) => name.split(":").at(-1));
    for (const kind of ["value", "firstMoment", "secondMoment"])
      expect(kinds.filter((each) => each === kind)).toHaveLength(2 * policy.config.layers);
  });

  it("removes what a process that was killed left of writing it, and nothing of one that lives", async () => {
    await using policy = await loadPolicy(qwen2, { ...small });
    const file = join(out, "swept.safetensors");
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    const kept = [`${file}.${process.ppid}.tmp`, `${file}.x.tmp`];
    for (const path of [...kept, `${file}.${gone}.tmp`]) writeFileSync(path, "half");
    await policy.saveCheckpoint(file);
    expect(existsSync(`${file}.${gone}.tmp`)).toBe(false);
    for (const path of kept) expect(existsSync(path)).toBe(true);
  });

  it("rejects a path or a state that is not text with E_ARGUMENT", async () => {
    await using policy = await loadPolicy(qwen2, { ...small });
    await expect(policy.saveCheckpoint("")).rejects.toMatchObject({ code: "E_ARGUMENT" });
    await expect(policy.saveCheckpoint(join(out, "x"), 1 as never)).rejects.toMatchObject({
      code: "E_ARGUMENT",
    });
    await expect(policy.loadCheckpoint(7 as never)).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });
});
