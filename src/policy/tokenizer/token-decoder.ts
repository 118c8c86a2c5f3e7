// Token ids to text, one at a time: bytes are joined into characters, those of an unfinished one are held back.
import { argumentError } from "../../base/check.js";
import type { TokenBytes } from "./token-bytes.js";

export interface TokenDecoder {
  /** The text that this token settles: bytes of an unfinished character are held back. Throws as `decode` does. */
  push(id: number): string;
  /** What was held back, as U+FFFD; the decoder then starts anew. */
  flush(): string;
}

/** A token by its id. */
export interface VocabularyEntry {
  readonly token: string;
  /** Listed in `added_tokens`. */
  readonly isAdded: boolean;
}

export type Vocabulary = readonly (VocabularyEntry | undefined)[];

/**
 * The bytes that a token stands for; none for an id without a token.
 * @param who  the call, for error messages
 * @throws E_ARGUMENT when the id is not a non-negative integer
 */
export function bytesOfToken(
  who: string,
  vocabulary: Vocabulary,
  tokenBytes: TokenBytes,
  id: number,
): Uint8Array {
  if (!Number.isInteger(id) || id < 0) throw argumentError(who, "ids that are non-negative integers", id);
  const entry = vocabulary[id];
  return entry === undefined ? new Uint8Array(0) : tokenBytes.bytesOf(entry.token, entry.isAdded);
}

/** @param skipped  ids that give no text */
export function createTokenDecoder(
  vocabulary: Vocabulary,
  tokenBytes: TokenBytes,
  skipped: ReadonlySet<number>,
): TokenDecoder {
  const joiner = new TextDecoder("utf-8", { ignoreBOM: true });
  let spacesToStrip = tokenBytes.strippedSpaces;
  const strip = (text: string): string => {
    let start = 0;
    while (start < text.length && spacesToStrip > 0) {
      spacesToStrip = text[start] === " " ? spacesToStrip - 1 : 0;
      start += text[start] === " " ? 1 : 0;
    }
    return text.slice(start);
  };
  return {
    push(id) {
      const bytes = bytesOfToken("tokenizer.decode", vocabulary, tokenBytes, id);
      if (bytes.length === 0 || skipped.has(id)) return "";
      return strip(joiner.decode(bytes, { stream: true }));
    },
    flush() {
      const rest = strip(joiner.decode());
      spacesToStrip = tokenBytes.strippedSpaces;
      return rest;
    },
  };
}
