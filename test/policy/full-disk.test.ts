// A disk that is full, or may not be written, while a policy or a trainer writes: it says so, and what was there before is whole.
import type * as fs from "node:fs";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { loadPolicy } from "../../src/policy/load-policy.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";
import { qwen2 } from "./fixture-models.js";

/** The next writes go through until so many bytes were written; then they fail with the code. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY, code: "" }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  const writeSync = (file: number, bytes: Uint8Array, offset = 0): number => {
    if (disk.room <= 0)
      throw Object.assign(new Error(`${disk.code}: a stubbed failure, write`), {
        code: disk.code,
        errno: -28,
        syscall: "write",
      });
    const length = Math.min(bytes.length - offset, disk.room);
    disk.room -= length;
    return real.writeSync(file, bytes, offset, length);
  };
  return { ...real, default: { ...real, writeSync }, writeSync };
});

const tokens = [5, 17, 300, 42, 7];
let out: string;
let adapted: Policy;
let whole: Policy;
beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "agl-full-"));
  const small = { contextLength: 64, cacheTokens: 256, seed: 1 } as const;
  adapted = await loadPolicy(qwen2, { ...small, adapter: { rank: 2 } });
  whole = await tinyPolicy();
});
afterAll(async () => {
  await Promise.all([adapted.close(), whole.close()]);
  rmSync(out, { recursive: true });
});
beforeEach(() => {
  disk.room = Number.POSITIVE_INFINITY;
});

const contents = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const file = join(entry.parentPath, entry.name);
        return [file, readFileSync(file, "base64")];
      }),
  );

const writers: readonly (readonly [string, (folder: string) => Promise<void>])[] = [
  ["policy.saveCheckpoint", (folder) => adapted.saveCheckpoint(join(folder, "x.safetensors"))],
  ["policy.saveAdapter", (folder) => adapted.saveAdapter(folder)],
  ["policy.saveModel", (folder) => whole.saveModel(folder)],
];

describe.each(writers)("%s", (who, write) => {
  it.each([
    ["ENOSPC", 0, "room on the disk"],
    ["ENOSPC", 5, "room on the disk"],
    ["ENOSPC", 3000, "room on the disk"],
    ["EDQUOT", 100, "quota"],
    ["EROFS", 0, "read-only"],
    ["EACCES", 0, "right to write"],
    ["EIO", 1000, "works"],
  ])("says so on %s after %i bytes, and leaves what was there", async (code, room, said) => {
    const folder = mkdtempSync(join(out, "writer-"));
    await write(folder);
    const before = contents(folder);
    await adapted.forwardBackward([{ tokens, weights: tokens.slice(1) }], losses.logLikelihood());
    await adapted.optimStep({ lr: 1e-2 });
    Object.assign(disk, { code, room });
    const error = await write(folder).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "E_STATE", message: expect.stringContaining(said) });
    expect((error as Error).message.startsWith(`${who}: `)).toBe(true);
    expect(contents(folder)).toEqual(before);
    disk.room = Number.POSITIVE_INFINITY;
    await write(folder);
  });
});

it("a trainer names its option, counts the step as it does with any error of a file, and goes on when there is room", async () => {
  const file = join(out, "run.safetensors");
  const agent = async () => {
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "a" }] });
    await fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body });
    return Math.random();
  };
  await using trainer = createTrainer({
    ...{ policy: whole, agent, algorithm: grpo({ groupSize: 2, lr: 0 }), checkpointFile: file },
    sampling: { maxTokens: 2 },
  });
  await trainer.step([1]);
  const before = readFileSync(file);
  Object.assign(disk, { code: "ENOSPC", room: 100 });
  await expect(trainer.step([1])).rejects.toMatchObject({
    code: "E_STATE",
    message: expect.stringMatching(
      /^createTrainer: expected room on the disk for checkpointFile .*run\.safetensors, got ENOSPC/,
    ),
  });
  expect(readFileSync(file).equals(before)).toBe(true);
  disk.room = Number.POSITIVE_INFINITY;
  await trainer.step([1]);
  expect(readFileSync(file).equals(before)).toBe(false);
});
