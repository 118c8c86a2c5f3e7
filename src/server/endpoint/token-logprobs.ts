// Sampled tokens as OpenAI's `logprobs`: each with the bytes that it stands for, which may be part of a character.
import type { SampledChoice } from "../../policy/policy.js";
import type { Tokenizer } from "../../policy/tokenizer/tokenizer.js";

export interface ChoiceLogprobs {
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly refusal: null;
}

/** The bytes of all entries, joined, are the UTF-8 of the tokens decoded. */
export function logprobsOf(sampled: SampledChoice, tokenizer: Tokenizer): ChoiceLogprobs {
  const entry = (at: number, id: number, logprob: number | undefined) => {
    const bytes = tokenizer.bytesOf(id, { first: at === 0 });
    return { token: textOf(bytes), logprob, bytes: [...bytes] };
  };
  const top = sampled.tokens.length === 0 ? 0 : sampled.topTokens.length / sampled.tokens.length;
  const content = Array.from(sampled.tokens, (id, at) => ({
    ...entry(at, id, sampled.logprobs[at]),
    top_logprobs: Array.from(sampled.topTokens.subarray(at * top, (at + 1) * top), (other, rank) =>
      entry(at, other, sampled.topLogprobs[at * top + rank]),
    ),
  }));
  return { content, refusal: null };
}

// --- internal ---

/** UTF-8 as text; a byte that belongs to no whole character is written `\xf0`, as OpenAI does. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = lengthByFirstByte(bytes[at] ?? 0);
    const character = wholeCharacter(bytes.subarray(at, at + length));
    text += character ?? `\\x${bytes[at]?.toString(16).padStart(2, "0")}`;
    at += character === undefined ? 1 : length;
  }
  return text;
}

function lengthByFirstByte(byte: number): number {
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

function wholeCharacter(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const isWhole = [...text].length === 1 && new TextEncoder().encode(text).length === bytes.length;
  return isWhole && (text !== "\ufffd" || bytes[0] === 0xef) ? text : undefined;
}
