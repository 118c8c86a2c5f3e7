// Text into the form that is split: the normalizers of Hugging Face's tokenizers. Each works through a long text bit by
// bit and yields in between, so that other work can go on.
import { toByteAlphabet } from "./byte-alphabet.js";
import { isCharacterStart } from "./character-start.js";
import { classBody, kInert, kNotComposed } from "./older-unicode.js";
import { matcherOf } from "./pre-tokenizer.js";
import type { NormalizerStep } from "./step-schema.js";

/** Yields every few milliseconds; returns the normalized text. */
export type Normalizer = (text: string) => Generator<void, string>;

/** @throws UnsupportedPattern for a regular expression that is not known */
export function createNormalizer(steps: readonly NormalizerStep[]): Normalizer {
  const functions = steps.map(createStep);
  return function* (text) {
    let normalized = text;
    for (const step of functions) normalized = yield* step(normalized);
    return normalized;
  };
}

/**
 * What is left at least of a text, in bytes of UTF-8 for each of its own: normal forms compose up to eight bytes into
 * three and take four for one (mathematical letters).
 */
export function keptShare(step: NormalizerStep): number {
  switch (step.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
    case "Lowercase":
      return 0.25;
    case "Prepend":
    case "ByteLevel":
      return 1;
    case "Replace":
      if (!("String" in step.pattern)) return 0;
      return Math.min(1, Buffer.byteLength(step.content) / Buffer.byteLength(step.pattern.String));
    default:
      return 0;
  }
}

/** May a step take away where a text begins? */
export function mayLoseStart(step: NormalizerStep): boolean {
  return step.type === "Strip" || step.type === "Nmt" || step.type === "Replace";
}

// --- internal ---

const kChunk = 1 << 15;

function createStep(step: NormalizerStep): Normalizer {
  switch (step.type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = step.type;
      return (text) => inChunks(text, (part) => normalForm(part, form), isAscii);
    }
    case "Lowercase":
      return (text) => inChunks(text, lowercase, isCharacterStart);
    case "Nmt":
      return (text) => inChunks(text, nmt, isCharacterStart);
    case "ByteLevel":
      return (text) => inChunks(text, toByteAlphabet, isCharacterStart);
    case "Prepend":
      return whole((text) => (text === "" ? "" : step.prepend + text));
    case "Strip":
      return whole((text) => strip(text, step.strip_left, step.strip_right));
    case "Replace":
      return replace(step);
  }
}

function whole(apply: (text: string) => string): Normalizer {
  // biome-ignore lint/correctness/useYield: at once, however long the text
  return function* (text) {
    return apply(text);
  };
}

/** Chunks begin where `mayBegin` allows it: there what is before has no part in what comes after. */
function* inChunks(
  text: string,
  apply: (chunk: string) => string,
  mayBegin: (code: number) => boolean,
): Generator<void, string> {
  let normalized = "";
  let start = 0;
  while (text.length - start > kChunk) {
    let end = start + kChunk;
    while (end < text.length && !mayBegin(text.charCodeAt(end))) end++;
    normalized += apply(text.slice(start, end));
    start = end;
    yield;
  }
  return normalized + apply(text.slice(start));
}

const isAscii = (code: number): boolean => code < 0x80;

type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

const kAscii = new RegExp(`^[${classBody("0-7f")}]*$`, "v");
const kInertParts = new RegExp(`([${classBody(kInert)}]+)`, "v");
const kNotMade = new RegExp(`[${classBody(kNotComposed)}]`, "gv");

function normalForm(text: string, form: Form): string {
  if (kAscii.test(text)) return text;
  const parts = text.split(kInertParts);
  return parts.map((part, index) => (index % 2 === 1 ? part : normalPart(part, form))).join("");
}

function normalPart(text: string, form: Form): string {
  const normalized = text.normalize(form);
  return form.endsWith("C") ? normalized.replace(kNotMade, (made) => made.normalize("NFD")) : normalized;
}

/** Character by character: at the end of a word, too, a sigma is what it is elsewhere. */
function lowercase(text: string): string {
  return text
    .split("\u03a3")
    .map((part) => part.toLowerCase())
    .join("\u03c3");
}

const kNmtLost = new RegExp(`[${classBody("1-8 b e-1f 7f 8f 9f")}]`, "gv");
const kNmtSpace = new RegExp(`[${classBody("9 a c d 1680 200b-200f 2028 2029 2581 feff fffd")}]`, "gv");

function nmt(text: string): string {
  return text.replace(kNmtLost, "").replace(kNmtSpace, " ");
}

function strip(text: string, left: boolean, right: boolean): string {
  let start = 0;
  let end = text.length;
  while (left && start < end && isSpace(text, start)) start++;
  while (right && end > start && isSpace(text, end - 1)) end--;
  return text.slice(start, end);
}

// All white space is of one code unit.
const isSpace = (text: string, at: number): boolean => /\p{White_Space}/u.test(text.charAt(at));

function replace(step: Extract<NormalizerStep, { type: "Replace" }>): Normalizer {
  const matcher = matcherOf(step.pattern);
  return function* (text) {
    let replaced = "";
    let last = 0;
    let count = 0;
    for (const [start, end] of matcher(text)) {
      replaced += text.slice(last, start) + step.content;
      last = end;
      if (++count % 4096 === 0) yield;
    }
    return replaced + text.slice(last);
  };
}
