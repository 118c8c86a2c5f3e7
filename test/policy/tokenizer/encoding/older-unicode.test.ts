// Characters by the million: classes and normal forms against what Hugging Face's tokenizers made of each, recorded by
// scripts/record-tokenizers.py. Unicode differs between the two; older-unicode.ts holds by how much.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { finish } from "../../../../src/policy/tokenizer/encoding/encoder.js";
import { createNormalizer } from "../../../../src/policy/tokenizer/encoding/normalizer.js";
import { createPreTokenizer } from "../../../../src/policy/tokenizer/encoding/pre-tokenizer.js";
import type { Piece } from "../../../../src/policy/tokenizer/encoding/split.js";
import type {
  NormalizerStep,
  PreTokenizerStep,
} from "../../../../src/policy/tokenizer/encoding/step-schema.js";
import { readJson } from "../../fixture-models.js";

const recorded = readJson(join(import.meta.dirname, "../../../fixtures/tokenizers/classes.json"));
const scalars = Array.from({ length: 0x110000 }, (_, code) => code).filter(
  (code) => code < 0xd800 || code > 0xdfff,
);

function stepOf(pattern: string): PreTokenizerStep {
  if (pattern === "Punctuation") return { type: pattern, behavior: "Removed" };
  if (pattern === "WhitespaceSplit") return { type: pattern };
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Removed", invert: false };
}

const everyCharacter = scalars.map((code) => String.fromCodePoint(code)).join("");

function missing(text: Iterable<string>): string {
  const isKept = new Uint8Array(0x110000).fill(1, 0xd800, 0xe000);
  for (const piece of text) {
    for (let at = 0; at < piece.length; at++) {
      const code = piece.codePointAt(at)!;
      isKept[code] = 1;
      if (code > 0xffff) at++;
    }
  }
  const ranges: string[] = [];
  for (let start = isKept.indexOf(0); start >= 0; ) {
    const next = isKept.indexOf(1, start);
    const end = next < 0 ? isKept.length : next;
    ranges.push(start === end - 1 ? hex(start) : `${hex(start)}-${hex(end - 1)}`);
    start = isKept.indexOf(0, end);
  }
  return ranges.join(" ");
}

const hex = (code: number) => code.toString(16);

function* textsOf(pieces: Iterable<Piece | undefined>): Generator<string> {
  for (const piece of pieces) yield piece?.text ?? "";
}

describe("every character is in a class as it is there:", () => {
  for (const [pattern, members] of Object.entries<string>(recorded.classes)) {
    it(pattern, () => {
      const preTokenizer = createPreTokenizer([stepOf(pattern)]);
      const piece = { text: everyCharacter, isStart: true };
      expect(missing(textsOf(preTokenizer(piece)))).toBe(members);
    });
  }
});

// Large blocks that no form changes, or that are composed by rule.
const kPlain = [
  [0x3400, 0xa000],
  [0xac00, 0xd7a4],
  [0xe000, 0xf900],
  [0x17000, 0x18d00],
  [0x20000, 0x2f800],
  [0x2fa20, 0x110000],
] as const;

describe("every character is normalized as it is there, alone and among marks:", () => {
  for (const [form, digest] of Object.entries<string>(recorded.forms)) {
    it(form, () => {
      const normalizer = createNormalizer([{ type: form } as NormalizerStep]);
      const sha = createHash("sha256");
      for (const code of scalars) {
        if (kPlain.some(([start, end]) => start <= code && code < end)) continue;
        const character = String.fromCodePoint(code);
        const texts = [character, `a\u0301${character}\u0316`, `a${character}\u0323\u0345`];
        for (const text of texts) sha.update(`${finish(normalizer(text))}\n`);
      }
      expect(sha.digest("hex")).toBe(digest);
    });
  }
});
