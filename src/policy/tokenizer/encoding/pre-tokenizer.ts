// A text into the pieces that no token crosses: the pre-tokenizers of Hugging Face's tokenizers.
import { toByteAlphabet } from "./byte-alphabet.js";
import { cutAt } from "./character-start.js";
import { classBody, kNoPunctuation } from "./older-unicode.js";
import { compileOniguruma, matchesOf } from "./oniguruma.js";
import { charactersOf, type Matcher, type Piece, split } from "./split.js";
import type { Pattern, PreTokenizerStep } from "./step-schema.js";

/** The pieces of a piece, in order, none of them empty; undefined every few milliseconds where a long one takes long. */
export type PreTokenizer = (piece: Piece) => Iterable<Piece | undefined>;

/** @throws UnsupportedPattern for a regular expression that is not known */
export function createPreTokenizer(steps: readonly PreTokenizerStep[]): PreTokenizer {
  const [first, ...rest] = steps.map(createStep);
  if (first === undefined) return (piece) => [piece];
  return rest.reduce<PreTokenizer>(
    (before, after) =>
      function* (piece) {
        for (const part of before(piece)) {
          if (part === undefined) yield undefined;
          else yield* after(part);
        }
      },
    first,
  );
}

/** Does a step lose text? What is lost needs no token. */
export function losesText(step: PreTokenizerStep): boolean {
  if (step.type === "Punctuation" || step.type === "Split") return step.behavior === "Removed";
  return !["ByteLevel", "Digits", "FixedLength", "Metaspace"].includes(step.type);
}

/** Matches of a pattern of tokenizer.json. @throws UnsupportedPattern */
export function matcherOf(pattern: Pattern): Matcher {
  if ("String" in pattern) return (text) => occurrences(text, pattern.String);
  const regex = compileOniguruma(pattern.Regex);
  return (text) => matchesOf(regex, text);
}

// --- internal ---

const kSpace = /\p{White_Space}/gu;
const kNumber = /\p{N}/gu;
const kPunctuation = new RegExp(
  `[[[\\p{P}]--[${classBody(kNoPunctuation)}]]\\u{166d}\\u{111c9}!-\\/:-@\\[-\`\\{-~]`,
  "gv",
);
const kWordOrNone =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
const kByteLevel = compileOniguruma(
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
);

function createStep(step: PreTokenizerStep): PreTokenizer {
  switch (step.type) {
    case "Whitespace":
      return (piece) => split(piece, charactersOf(kWordOrNone), "Removed", true);
    case "WhitespaceSplit":
      return (piece) => split(piece, charactersOf(kSpace), "Removed");
    case "BertPreTokenizer":
      return function* (piece) {
        for (const word of split(piece, charactersOf(kSpace), "Removed")) {
          yield* split(word, charactersOf(kPunctuation), "Isolated");
        }
      };
    case "CharDelimiterSplit":
      return (piece) => split(piece, (text) => occurrences(text, step.delimiter), "Removed");
    case "Digits":
      return (piece) =>
        split(piece, charactersOf(kNumber), step.individual_digits ? "Isolated" : "Contiguous");
    case "Punctuation":
      return (piece) => split(piece, charactersOf(kPunctuation), step.behavior);
    case "Split": {
      const matcher = matcherOf(step.pattern);
      return (piece) => split(piece, matcher, step.behavior, step.invert);
    }
    case "FixedLength":
      return (piece) => inLengths(piece, step.length);
    case "Metaspace":
      return metaspace(step);
    case "ByteLevel":
      return byteLevel(step);
  }
}

function* occurrences(text: string, part: string): Generator<readonly [start: number, end: number]> {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    yield [at, at + part.length];
  }
}

function* inLengths({ text, isStart }: Piece, length: number): Generator<Piece> {
  let start = 0;
  let count = 0;
  for (let at = 0; at < text.length; ) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    if (++count % length > 0 && at < text.length) continue;
    yield { text: text.slice(start, at), isStart: isStart && start === 0 };
    start = at;
  }
}

function metaspace(step: Extract<PreTokenizerStep, { type: "Metaspace" }>): PreTokenizer {
  const { replacement } = step;
  const scheme = step.prepend_scheme ?? "always";
  if (step.add_prefix_space === false && scheme !== "never") {
    throw new Error(`Metaspace with add_prefix_space false and prepend_scheme "${scheme}"`);
  }
  return (piece) => {
    const text = piece.text.replaceAll(" ", () => replacement);
    const isPrepended = scheme === "always" || (scheme === "first" && piece.isStart);
    const whole = isPrepended && !text.startsWith(replacement) ? replacement + text : text;
    const changed = { text: whole, isStart: piece.isStart };
    if (!step.split) return [changed];
    return split(changed, (text) => occurrences(text, replacement), "MergedWithNext");
  };
}

function byteLevel(step: Extract<PreTokenizerStep, { type: "ByteLevel" }>): PreTokenizer {
  return function* (piece) {
    const isPrepended = step.add_prefix_space && !piece.text.startsWith(" ");
    const whole = { text: isPrepended ? ` ${piece.text}` : piece.text, isStart: piece.isStart };
    const parts = step.use_regex ? split(whole, (text) => matchesOf(kByteLevel, text), "Isolated") : [whole];
    for (const { text, isStart } of parts) {
      if (text.length <= kAtOnce) yield { text: toByteAlphabet(text), isStart };
      else yield { text: yield* longToByteAlphabet(text), isStart };
    }
  };
}

/** So many characters take a millisecond or two. */
const kAtOnce = 1 << 15;

function* longToByteAlphabet(text: string): Generator<undefined, string> {
  let characters = "";
  for (let start = 0; start < text.length; ) {
    const end = cutAt(text, start + kAtOnce);
    characters += toByteAlphabet(text.slice(start, end));
    start = end;
    yield undefined;
  }
  return characters;
}
