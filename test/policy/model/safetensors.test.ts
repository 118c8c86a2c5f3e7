import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFileAtomically } from "../../../src/policy/model/atomic-file.js";
import { duplicateKey } from "../../../src/policy/model/duplicate-key.js";
import { readSafetensors } from "../../../src/policy/model/safetensors.js";
import { safetensorsChunks, type WritableTensor } from "../../../src/policy/model/safetensors-writer.js";
import type { Json } from "../fixture-models.js";
import { copyModel, emptyFolder, errorOf, joinSafetensors, modelErrorOf } from "./model-copies.js";

const kGood = {
  a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
  b: { dtype: "BF16", shape: [4], data_offsets: [24, 32] },
};

function fileWith(header: Json, dataBytes = 32): string {
  const file = join(emptyFolder(), "x.safetensors");
  const text = typeof header === "string" || Buffer.isBuffer(header) ? header : JSON.stringify(header);
  writeFileSync(file, joinSafetensors(text, Buffer.alloc(dataBytes)));
  return file;
}

describe("readSafetensors", () => {
  it("gives absolute places", () => {
    const file = fileWith({ __metadata__: { format: "pt" }, ...kGood });
    const start = readFileSync(file).length - 32;
    const { tensors, metadata } = readSafetensors(file);
    expect(metadata).toEqual({ format: "pt" });
    expect(Object.fromEntries(tensors)).toEqual({
      a: { dtype: "F32", shape: [2, 3], begin: start, end: start + 24 },
      b: { dtype: "BF16", shape: [4], begin: start + 24, end: start + 32 },
    });
  });

  it("accepts scalars and empty tensors", () => {
    const scalar = { dtype: "F32", shape: [], data_offsets: [0, 4] };
    const empty = { dtype: "I64", shape: [3, 0], data_offsets: [4, 4] };
    expect(readSafetensors(fileWith({ scalar, empty }, 4)).tensors.size).toBe(2);
    expect(readSafetensors(fileWith({}, 0)).tensors.size).toBe(0);
  });

  const a = kGood.a;
  const kLies: ReadonlyArray<readonly [string, Json, RegExp]> = [
    ["an unknown type", { ...kGood, a: { ...a, dtype: "F31" } }, /"a"\.dtype/],
    ["a type of Object.prototype", { ...kGood, a: { ...a, dtype: "toString" } }, /"a"\.dtype/],
    ["a shape of other size", { ...kGood, a: { ...a, shape: [2, 4] } }, /"a".*32 bytes.*0,24/],
    ["a negative length", { ...kGood, a: { ...a, shape: [-2, -3] } }, /"a"\.shape\.0/],
    ["a fraction", { ...kGood, a: { ...a, shape: [1.5, 4] } }, /"a"\.shape\.0/],
    ["an impossible shape", { ...kGood, a: { ...a, shape: [2 ** 52, 2 ** 52] } }, /"a".*possible shape/],
    ["offsets in reverse", { ...kGood, a: { ...a, data_offsets: [24, 0] } }, /"a"/],
    ["an unsafe offset", { ...kGood, a: { ...a, data_offsets: [2 ** 60, 2 ** 60] } }, /"a"\.data_offsets/],
    ["three offsets", { ...kGood, a: { ...a, data_offsets: [0, 8, 24] } }, /"a"\.data_offsets/],
    ["a missing field", { ...kGood, a: { dtype: "F32", shape: [2, 3] } }, /"a"\.data_offsets/],
    ["an entry that is no record", { ...kGood, a: 7 }, /"a"/],
    ["an overlap", { ...kGood, b: { ...kGood.b, data_offsets: [20, 28] } }, /"b".*overlap/],
    ["a hole", { ...kGood, b: { ...kGood.b, shape: [3], data_offsets: [26, 32] } }, /"b".*hole/],
    ["data without a tensor", { a }, /expected \d+ bytes.*, got \d+/],
    ["a tensor beyond the file", { ...kGood, c: { ...a, data_offsets: [32, 56] } }, /expected \d+ bytes/],
    ["metadata that is no text", { ...kGood, __metadata__: { format: 1 } }, /__metadata__/],
    ["a list", [], /JSON object/],
    ["leading space", ` ${JSON.stringify(kGood)}`, /JSON object/],
    ["half JSON", '{"a"', /header of JSON/],
    ["nothing", "", /header of JSON/],
    ["a name twice", `{"a":${JSON.stringify(a)},"\\u0061":${JSON.stringify(a)}}`, /"a" twice/],
    ["broken UTF-8", Buffer.from(JSON.stringify({ "\u00ff": a }), "latin1"), /header of JSON/],
  ];

  it.each(kLies)("refuses %s", (_, header, message) => {
    const error = modelErrorOf(() => readSafetensors(fileWith(header)));
    expect(error).toMatch(message);
    expect(error).toContain("x.safetensors");
  });

  it("refuses a file cut at any byte, and one with a byte more", () => {
    const file = fileWith(kGood);
    const whole = readFileSync(file);
    writeFileSync(file, Buffer.concat([whole, Buffer.alloc(1)]));
    modelErrorOf(() => readSafetensors(file));
    for (let bytes = whole.length - 1; bytes >= 0; bytes--) {
      truncateSync(file, bytes);
      modelErrorOf(() => readSafetensors(file));
    }
  });

  it("refuses a header length that lies", () => {
    for (const length of [2n ** 64n - 1n, 2n ** 53n, 10n ** 9n, 10_000n, 1n]) {
      const file = fileWith(kGood);
      const bytes = readFileSync(file);
      bytes.writeBigUInt64LE(length);
      writeFileSync(file, bytes);
      modelErrorOf(() => readSafetensors(file));
    }
  });

  it("reads the header alone, however large the file", () => {
    const big = { dtype: "U8", shape: [2 ** 40], data_offsets: [0, 2 ** 40] };
    const file = fileWith({ big }, 0);
    truncateSync(file, readFileSync(file).length + 2 ** 40);
    expect(readSafetensors(file).tensors.get("big")?.shape).toEqual([2 ** 40]);
  });

  it("refuses what is not a file, without waiting", () => {
    const dir = emptyFolder();
    expect(modelErrorOf(() => readSafetensors(dir))).toContain("expected a file, got something else");
    expect(modelErrorOf(() => readSafetensors(join(dir, "absent")))).toContain("ENOENT");
    execFileSync("mkfifo", [join(dir, "pipe")]);
    expect(modelErrorOf(() => readSafetensors(join(dir, "pipe")))).toContain("something else");
  });
});

describe("a file of safetensorsChunks", () => {
  const writeSafetensors = (
    file: string,
    tensors: ReadonlyMap<string, WritableTensor>,
    metadata: Readonly<Record<string, string>> = {},
  ) => writeFileAtomically(file, safetensorsChunks(tensors, metadata));
  const tensors = new Map([
    ["z", { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] }],
    ["a", { data: Float32Array.of(0.5), shape: [] }],
  ]);

  it("writes the bytes of the reference implementation", () => {
    const dir = copyModel("qwen2");
    const file = join(dir, "adapter/adapter_model.safetensors");
    const bytes = readFileSync(file);
    const copies = [...readSafetensors(file).tensors].reverse().map(([name, { shape, begin, end }]) => {
      return [
        name,
        { data: new Float32Array(Uint8Array.from(bytes.subarray(begin, end)).buffer), shape },
      ] as const;
    });
    writeSafetensors(join(dir, "again"), new Map(copies), { format: "pt" });
    expect(readFileSync(join(dir, "again")).equals(bytes)).toBe(true);
  });

  it("pads the header so that the data begin at a multiple of 8", () => {
    for (const name of ["a", "ab", "abc", "abcd", "abcde"]) {
      const file = join(emptyFolder(), "x");
      writeSafetensors(file, new Map([[name, { data: Float32Array.of(1), shape: [1] }]]));
      expect((readSafetensors(file).tensors.get(name)?.begin ?? 1) % 8).toBe(0);
    }
  });

  it("reads back what it wrote and leaves no other file", () => {
    const dir = emptyFolder();
    const file = join(dir, "x.safetensors");
    writeFileSync(file, "old");
    writeSafetensors(file, tensors, { k: "v" });
    const read = readSafetensors(file);
    expect(read.metadata).toEqual({ k: "v" });
    expect([...read.tensors.keys()]).toEqual(["a", "z"]);
    const begin = read.tensors.get("z")?.begin ?? 0;
    expect(readFileSync(file).readFloatLE(begin + 8)).toBe(3);
    expect(readdirSync(dir)).toEqual(["x.safetensors"]);
  });

  it("refuses data that does not fit its shape and leaves the old file", () => {
    const file = join(emptyFolder(), "x");
    writeFileSync(file, "old");
    const wrong = new Map([["w", { data: new Float32Array(5), shape: [2, 3] }]]);
    expect(errorOf("E_ARGUMENT", () => writeSafetensors(file, wrong))).toContain("6 elements in w");
    expect(readFileSync(file, "utf8")).toBe("old");
  });
});

describe("duplicateKey", () => {
  it("sees keys of the same object only, and no keys inside strings", () => {
    expect(duplicateKey('{"a":{"b":1},"c":{"b":"x\\":{\\"a\\":1"},"d":["a","a"]}')).toBeUndefined();
    expect(duplicateKey('{"a":[{"b":1 , "b" : 2}]}')).toBe("b");
    expect(duplicateKey('{"x\\\\":1,"y":{},"x\\\\":2}')).toBe("x\\");
  });
});
