// The ids of a prompt that goes on from ids there are: those as they are, and then those of the text that was added.
import type { Policy } from "../../policy/policy.js";
import { TooManyTokensError } from "../../policy/tokenizer/encoding/too-many-tokens.js";

export interface EncodeOptions {
  /** As many ids are allowed, those before included. */
  readonly most: number;
  readonly signal: AbortSignal;
}

/** @throws TooManyTokensError that counts the ids before, too; the signal's reason */
export async function encodeAfter(
  { tokenizer }: Pick<Policy, "tokenizer">,
  before: Int32Array,
  text: string,
  { most, signal }: EncodeOptions,
): Promise<Int32Array> {
  const room = most - before.length;
  if (room < 0) throw new TooManyTokensError(most, before.length);
  try {
    const added = await tokenizer.encodeAsync(text, { most: room, signal });
    return joinedIds(before, added);
  } catch (error) {
    if (!(error instanceof TooManyTokensError)) throw error;
    throw new TooManyTokensError(most, before.length + error.atLeast);
  }
}

export function joinedIds(before: Int32Array, after: ArrayLike<number>): Int32Array {
  const all = new Int32Array(before.length + after.length);
  all.set(before);
  all.set(after, before.length);
  return all;
}
