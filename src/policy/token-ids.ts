// Checks of token ids that a caller gives, and their layout for the engine: sequences end to end.
import { argumentError } from "../base/check.js";

export interface TokenLimits {
  readonly vocabulary: number;
  readonly contextLength: number;
}

/** Sequence s is tokens[offsets[s] .. offsets[s + 1]). */
export interface FlatSequences {
  readonly tokens: Int32Array;
  readonly offsets: Int32Array;
}

/**
 * @param name  the argument, as in `prompt`
 * @returns a copy
 * @throws E_ARGUMENT when it is not an array of ids of the vocabulary
 */
export function toTokenIds(who: string, name: string, ids: unknown, vocabulary: number): Int32Array {
  if (!isArrayLike(ids)) throw argumentError(who, `${name} to be an array of token ids`, ids);
  const out = new Int32Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocabulary)
      throw argumentError(who, `${name}[${i}] to be a token id from 0 to ${vocabulary - 1}`, id);
    out[i] = id;
  }
  return out;
}

/**
 * Sequences for scoring or training, laid end to end.
 * @throws E_ARGUMENT naming the sequence when it has fewer than 2 tokens (nothing to score), more than the context, or a wrong id
 */
export function flattenSequences(
  who: string,
  sequences: readonly unknown[],
  limits: TokenLimits,
  nameOf: (index: number) => string,
): FlatSequences {
  const checked = sequences.map((ids, s) => {
    const name = nameOf(s);
    const tokens = toTokenIds(who, name, ids, limits.vocabulary);
    if (tokens.length < 2) throw argumentError(who, `${name} to have at least 2 tokens`, tokens.length);
    if (tokens.length > limits.contextLength)
      throw argumentError(
        who,
        `${name} to have at most ${limits.contextLength} tokens`,
        tokens.length,
        "shorten it or load with a larger contextLength",
      );
    return tokens;
  });
  return concatenate(checked);
}

/** Sequences laid end to end. */
export function concatenate(sequences: readonly Int32Array[]): FlatSequences {
  const offsets = new Int32Array(sequences.length + 1);
  for (const [s, tokens] of sequences.entries()) offsets[s + 1] = (offsets[s] ?? 0) + tokens.length;
  const tokens = new Int32Array(offsets[sequences.length] ?? 0);
  for (const [s, ids] of sequences.entries()) tokens.set(ids, offsets[s]);
  return { tokens, offsets };
}

// --- internal ---

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}
