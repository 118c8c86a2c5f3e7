// The bytes each token stands for, from the `decoder` of a tokenizer.json: byte-level BPE, and the chain that
// SentencePiece models carry (Replace, ByteFallback, Fuse, Strip). Nothing here joins bytes into text.
import { z } from "zod";
import { byteOfCode } from "./encoding/byte-alphabet.js";

export interface TokenBytes {
  /** UTF-8, or a piece of it. An added token is no bytes in the alphabet of byte-level BPE, but its own text. */
  bytesOf(token: string, isAdded: boolean): Uint8Array;
  /** How many leading spaces the whole decoded text loses. */
  readonly strippedSpaces: number;
}

/**
 * @param decoder  the field `decoder` of tokenizer.json
 * @returns undefined when the decoder is of a kind not known here
 */
export function createTokenBytes(decoder: unknown): TokenBytes | undefined {
  const parsed = decoderSchema.safeParse(decoder);
  if (!parsed.success) return undefined;
  const steps = parsed.data.type === "Sequence" ? parsed.data.decoders : [parsed.data];
  if (steps.some((step) => step.type === "ByteLevel")) {
    if (steps.length > 1) return undefined;
    const bytesOf = (token: string, isAdded: boolean) =>
      isAdded ? utf8.encode(token) : byteLevelBytes(token);
    return { bytesOf, strippedSpaces: 0 };
  }
  // In another order they do something else.
  if (!/^(Replace )*(ByteFallback )?(Fuse (Strip )?)?$/.test(steps.map(({ type }) => `${type} `).join(""))) {
    return undefined;
  }
  return createFallbackBytes(steps);
}

// --- internal ---

const stepSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("ByteLevel"),
    // Of the pre-tokenizer of that name; they change nothing here.
    add_prefix_space: z.boolean().optional(),
    trim_offsets: z.boolean().optional(),
    use_regex: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("Replace"),
    pattern: z.strictObject({ String: z.string().min(1) }),
    content: z.string(),
  }),
  z.strictObject({ type: z.literal("ByteFallback") }),
  z.strictObject({ type: z.literal("Fuse") }),
  z.strictObject({
    type: z.literal("Strip"),
    content: z.literal(" "),
    start: z.int().nonnegative(),
    stop: z.literal(0),
  }),
]);

const decoderSchema = z.union([
  stepSchema,
  z.strictObject({ type: z.literal("Sequence"), decoders: z.array(stepSchema).min(1) }),
]);

type Step = z.infer<typeof stepSchema>;

const utf8 = new TextEncoder();

function createFallbackBytes(steps: readonly Step[]): TokenBytes {
  const replacements = steps.filter((step) => step.type === "Replace");
  const fallsBack = steps.some((step) => step.type === "ByteFallback");
  const strips = steps.filter((step) => step.type === "Strip");
  return {
    strippedSpaces: strips.reduce((sum, step) => sum + step.start, 0),
    bytesOf(token) {
      let text = token;
      for (const { pattern, content } of replacements) text = text.replaceAll(pattern.String, () => content);
      const byte = fallsBack ? /^<0x([0-9A-Fa-f]{2})>$/.exec(text)?.[1] : undefined;
      return byte === undefined ? utf8.encode(text) : Uint8Array.of(Number.parseInt(byte, 16));
    },
  };
}

// A token with a character outside the alphabet stands for its own UTF-8, as in the tokenizers library.
function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCode[token.charCodeAt(i)];
    if (byte === undefined) return utf8.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
