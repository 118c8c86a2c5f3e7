// A checkpoint is of the weights that its model began with: over others of the same shapes it is refused.
import { readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LoadPolicyOptions } from "../../../src/policy/load-options.js";
import { loadPolicy } from "../../../src/policy/load-policy.js";
import { createBaseDigest } from "../../../src/policy/model/base-digest.js";
import { readModelFolder } from "../../../src/policy/model/model-folder.js";
import { copyModel, editHeader, emptyFolder, joinSafetensors, splitSafetensors } from "./model-copies.js";

const small = { contextLength: 64, cacheTokens: 256, seed: 1 } as const;
const weightsOf = (dir: string) => join(dir, "model.safetensors");
const digestOf = (dir: string) => createBaseDigest(readModelFolder(dir))();

type Tensors = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** Changes the bytes of the weights. */
function edit(dir: string, change: (data: Buffer, tensors: Tensors) => void): void {
  const { header, data } = splitSafetensors(readFileSync(weightsOf(dir)));
  const { __metadata__: _, ...tensors } = header;
  change(data, tensors as Tensors);
  writeFileSync(weightsOf(dir), joinSafetensors(JSON.stringify(header), data));
}

const flip = (at: (tensors: Tensors) => number) => (dir: string) =>
  edit(dir, (data, tensors) => {
    const byte = at(tensors);
    data.writeUInt8(data.readUInt8(byte) ^ 1, byte);
  });
const last = (tensors: Tensors) =>
  Math.max(...Object.values(tensors).map(({ data_offsets: [, end] }) => end)) - 1;

/** Two tensors of one shape, each in the other's place. */
function swap(dir: string): void {
  edit(dir, (data, tensors) => {
    const names = Object.keys(tensors).filter((name) => name.endsWith("input_layernorm.weight"));
    const [a, b] = names.map((name) => tensors[name]?.data_offsets ?? [0, 0]);
    const [first, second] = [a, b].map((offsets) => Buffer.from(data.subarray(...(offsets ?? [0, 0]))));
    expect(first?.equals(second ?? Buffer.of())).toBe(false);
    data.set(second ?? [], a?.[0] ?? 0);
    data.set(first ?? [], b?.[0] ?? 0);
  });
}

/** The same tensors in two files. */
function shard(dir: string): void {
  const { header, data } = splitSafetensors(readFileSync(weightsOf(dir)));
  const { __metadata__: _, ...tensors } = header as Tensors;
  const map: Record<string, string> = {};
  for (const [half, file] of ["model-1.safetensors", "model-2.safetensors"].entries()) {
    const parts: Buffer[] = [];
    const shardHeader: Tensors = {};
    let end = 0;
    for (const [i, [name, tensor]] of Object.entries(tensors as Tensors)
      .reverse()
      .entries()) {
      if (i % 2 !== half) continue;
      const bytes = data.subarray(...tensor.data_offsets);
      shardHeader[name] = { ...tensor, data_offsets: [end, end + bytes.length] };
      end += bytes.length;
      parts.push(bytes);
      map[name] = file;
    }
    writeFileSync(join(dir, file), joinSafetensors(JSON.stringify(shardHeader), Buffer.concat(parts)));
  }
  writeFileSync(join(dir, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
  rmSync(weightsOf(dir));
}

const other: readonly (readonly [string, (dir: string) => void])[] = [
  ["differ by a bit of the first byte", flip(() => 0)],
  ["differ by a bit of the last byte", flip(last)],
  ["differ by a bit in the middle", flip((tensors) => Math.floor(last(tensors) / 2))],
  ["have two tensors of one shape swapped", swap],
  ["are all others", (dir) => edit(dir, (data) => data.fill(0))],
];
const same: readonly (readonly [string, (dir: string) => void])[] = [
  ["lie in another folder", () => undefined],
  ["lie in several files", shard],
  [
    "have another comment",
    (dir) => editHeader(weightsOf(dir), (header) => ({ ...header, __metadata__: { by: "x" } })),
  ],
  ["were written at another time", (dir) => utimesSync(weightsOf(dir), 1, 1)],
];

async function warningsOf(run: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = [];
  const listen = (warning: Error & { code?: string }) => {
    if (warning.code === "AGL_BASE") warnings.push(warning.message);
  };
  process.on("warning", listen);
  await run();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", listen);
  return warnings;
}

describe.each([
  ["of an adapter", {}],
  ["of all weights", { train: "all" }],
] as const)("a checkpoint %s", (_, options: LoadPolicyOptions) => {
  const saved = async () => {
    const dir = copyModel("qwen2");
    const file = join(emptyFolder(), "x.safetensors");
    await using policy = await loadPolicy(dir, { ...small, ...options });
    expect(await warningsOf(() => policy.saveCheckpoint(file, "text"))).toEqual([]);
    return { dir, file };
  };

  it.each(other)("is refused where the base weights %s, and both are named", async (_how, change) => {
    const { dir, file } = await saved();
    const changed = copyModel("qwen2");
    change(changed);
    const [mine, theirs] = [await digestOf(changed), await digestOf(dir)];
    expect(mine).not.toEqual(theirs);
    await using policy = await loadPolicy(changed, { ...small, ...options });
    const [adapter] = Object.keys(options).length === 0 ? ["default"] : ["base"];
    const before = policy.version(adapter);
    const error = await policy.loadCheckpoint(file).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: "E_MODEL" });
    for (const named of [mine, theirs])
      expect((error as Error).message).toContain("sha256" in named ? named.sha256 : "a digest");
    expect((error as Error).message).toContain(changed);
    expect(policy.version(adapter)).toBe(before);
  });

  it.each(same)("is taken where they are the same and %s", async (_how, change) => {
    const { dir, file } = await saved();
    const copy = copyModel("qwen2");
    change(copy);
    expect(await digestOf(copy)).toEqual(await digestOf(dir));
    await using policy = await loadPolicy(copy, { ...small, ...options });
    expect(await warningsOf(() => policy.loadCheckpoint(file))).toEqual([]);
  });

  it("of before there was a digest is taken, with a warning", async () => {
    const { dir, file } = await saved();
    editHeader(file, ({ __metadata__: { base, ...metadata }, ...tensors }) => {
      expect(base).toMatch(/^[0-9a-f]{64}$/);
      return { __metadata__: metadata, ...tensors };
    });
    await using policy = await loadPolicy(dir, { ...small, ...options });
    const warnings = await warningsOf(async () => expect(await policy.loadCheckpoint(file)).toBe("text"));
    expect(warnings).toEqual([expect.stringContaining("does not say which base weights it is of")]);
  });
});

describe("a model whose files are not what was loaded", () => {
  it.each([
    ["were replaced", (dir: string) => flip(() => 0)(dir), "has changed since it was loaded"],
    ["are gone", (dir: string) => renameSync(weightsOf(dir), `${weightsOf(dir)}.old`), "ENOENT"],
  ])("has no digest once they %s: checkpoints are kept and taken with a warning", async (_, change, said) => {
    const dir = copyModel("qwen2");
    const file = join(emptyFolder(), "x.safetensors");
    await using policy = await loadPolicy(dir, small);
    change(dir);
    expect(await warningsOf(() => policy.saveCheckpoint(file))).toEqual([expect.stringContaining(said)]);
    expect(await warningsOf(() => policy.loadCheckpoint(file))).toHaveLength(1);
  });
});
