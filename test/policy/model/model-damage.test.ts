import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { philox4x32 } from "../../../src/base/philox.js";
import { readAdapterFolder } from "../../../src/policy/adapters/adapter-folder.js";
import { readModelFolder } from "../../../src/policy/model/model-folder.js";
import { copyModel } from "./model-copies.js";

const kCases = 500;
const kSeed = 20_261_121;

// Where damage goes: a file, and how much of it holds claims rather than weights.
interface Victim {
  readonly file: string;
  readonly original: Buffer;
  readonly claims: number;
}

function victimOf(file: string): Victim {
  const original = readFileSync(file);
  const isSafetensors = file.endsWith(".safetensors");
  return { file, original, claims: isSafetensors ? 8 + Number(original.readBigUInt64LE()) : original.length };
}

// Truncates anywhere, flips one to four bits, or overwrites a byte with a digit, quote or bracket.
function damage({ original, claims }: Victim, bits: Uint32Array): Buffer {
  const [kind = 0, place = 0, amount = 0, more = 0] = bits;
  if (kind % 4 === 0) return original.subarray(0, place % original.length);
  const bytes = Buffer.from(original);
  if (kind % 4 === 1) {
    const characters = '0123456789-.e"{}[],:\\ ';
    bytes[place % claims] = characters.charCodeAt(amount % characters.length);
    return bytes;
  }
  for (let i = 0; i <= amount % 4; i++) {
    const at = (place + Math.imul(i, more)) >>> 0;
    // One in eight anywhere in the file, the others where it makes claims.
    const byte = at % (kind % 8 === 2 ? bytes.length : claims);
    bytes[byte] = (bytes[byte] ?? 0) ^ (1 << ((more >>> (3 * i)) & 7));
  }
  return bytes;
}

describe("a damaged folder", () => {
  it(`is read or refused as E_MODEL naming the file, in ${kCases} cases and never slowly`, () => {
    const models = { qwen2: copyModel("qwen2"), llama3: copyModel("llama3") };
    const model = readModelFolder(models.qwen2).config;
    const readers = [
      {
        read: () => readModelFolder(models.qwen2),
        dir: models.qwen2,
        names: ["config.json", "generation_config.json", "model.safetensors", "model.safetensors"],
      },
      {
        read: () => readModelFolder(models.llama3),
        dir: models.llama3,
        names: ["config.json", "model.safetensors.index.json", "model-00003-of-00008.safetensors"],
      },
      {
        read: () => readAdapterFolder(join(models.qwen2, "adapter"), model),
        dir: join(models.qwen2, "adapter"),
        names: ["adapter_config.json", "adapter_model.safetensors"],
      },
    ];
    const targets = readers.flatMap(({ read, dir, names }) =>
      names.map((name) => ({ read, dir, victim: victimOf(join(dir, name)) })),
    );
    const outcomes = { read: 0, refused: 0 };
    const bits = new Uint32Array(4);
    for (let i = 0; i < kCases; i++) {
      philox4x32([i, 0, 0, 0], kSeed, 0, bits);
      const { read, dir, victim } = targets[i % targets.length] ?? targets[0]!;
      writeFileSync(victim.file, damage(victim, bits));
      const started = performance.now();
      try {
        read();
        outcomes.read++;
      } catch (error) {
        const what = `case ${i}, ${victim.file}: ${error}`;
        expect(error instanceof LightningError && error.code, what).toBe("E_MODEL");
        expect((error as LightningError).message.startsWith(dir), what).toBe(true);
        expect((error as LightningError).message.length < 2000, what).toBe(true);
        outcomes.refused++;
      }
      expect(performance.now() - started < 2000, `case ${i} took long`).toBe(true);
      writeFileSync(victim.file, victim.original);
    }
    for (const { read } of readers) read();
    // Most damage is seen; damage to weights, spaces and unread fields cannot be.
    expect(outcomes.read + outcomes.refused).toBe(kCases);
    expect(outcomes.refused > kCases / 2, JSON.stringify(outcomes)).toBe(true);
    expect(outcomes.read > 0, JSON.stringify(outcomes)).toBe(true);
  });
});
