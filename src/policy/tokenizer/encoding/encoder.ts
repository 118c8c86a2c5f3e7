// Text to ids: added tokens are found, what is between them is normalized, split and encoded. Everything is one generator
// that yields every few milliseconds: `encode` runs it through, `encodeAsync` lets others go first in between.
import type { AddedToken } from "./added-tokens.js";
import { createSectionSplitter } from "./added-tokens.js";
import type { BytePairs } from "./byte-pairs.js";
import type { Normalizer } from "./normalizer.js";
import type { PreTokenizer } from "./pre-tokenizer.js";
import { TooManyTokensError } from "./too-many-tokens.js";

export interface EncoderParts {
  /** Found in the text as it is. */
  readonly added: readonly AddedToken[];
  /** Found in the text as it is normalized: their contents are, too. */
  readonly addedNormalized: readonly AddedToken[];
  readonly normalizer: Normalizer;
  readonly preTokenizer: PreTokenizer;
  readonly model: BytePairs;
  /** As many bytes of text a token stands for at most; infinite where text is lost on the way. */
  readonly mostBytesOfToken: number;
}

/** Yields every few milliseconds. Throws TooManyTokensError as soon as more than `most` are certain. */
export type Encoding = (text: string, most: number) => Generator<void, number[]>;

export function createEncoding(parts: EncoderParts): Encoding {
  const splitRaw = createSectionSplitter(parts.added);
  const splitNormalized = createSectionSplitter(parts.addedNormalized);

  function* encodePieces(text: string, isStart: boolean, ids: number[], most: number) {
    let count = 0;
    for (const piece of parts.preTokenizer({ text, isStart })) {
      if (piece === undefined) {
        yield;
        continue;
      }
      yield* parts.model.encode(piece.text, ids);
      if (++count % kPiecesAtOnce > 0) continue;
      checkCount(ids.length, most);
      yield;
    }
  }

  function* encodeSection(raw: string, isStart: boolean, ids: number[], most: number) {
    const text = yield* parts.normalizer(raw);
    for (const section of splitNormalized(text, isStart)) {
      if (section === undefined) yield;
      else if ("id" in section) ids.push(section.id);
      else yield* encodePieces(section.text, section.isStart, ids, most);
    }
  }

  return function* (given, most) {
    checkCount(Math.ceil(Buffer.byteLength(given) / parts.mostBytesOfToken), most);
    const ids: number[] = [];
    for (const section of splitRaw(wellFormed(given), true)) {
      if (section === undefined) yield;
      else if ("id" in section) ids.push(section.id);
      else yield* encodeSection(section.text, section.isStart, ids, most);
      checkCount(ids.length, most);
    }
    return ids;
  };
}

/** Runs to the end at once. */
export function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

// --- internal ---

const kPiecesAtOnce = 256;

/** Halves of characters as U+FFFD, which is what they are in UTF-8. Node 20 has it, the target's declarations have not. */
function wellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

function checkCount(atLeast: number, most: number): void {
  if (atLeast > most) throw new TooManyTokensError(most, atLeast);
}
