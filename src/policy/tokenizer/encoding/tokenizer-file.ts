// tokenizer.json as it is checked, and the encoder that it describes.
import { z } from "zod";
import { modelError } from "../../model/model-file.js";
import type { AddedToken } from "./added-tokens.js";
import { characterOfByte, tokenOfByte } from "./byte-alphabet.js";
import { type BytePairOptions, createBytePairs } from "./byte-pairs.js";
import { createEncoding, type Encoding, finish } from "./encoder.js";
import { createNormalizer, keptShare, mayLoseStart } from "./normalizer.js";
import { createPreTokenizer, losesText } from "./pre-tokenizer.js";
import { normalizerSchema, normalizerSteps, preTokenizerSchema, preTokenizerSteps } from "./step-schema.js";

export const kTokenizerFile = "tokenizer.json";

// A regular vocabulary holds 150,000 entries and as many merges: those are checked by hand.
const record = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "expected an object",
);

export const tokenizerSchema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({
      id: z.int().nonnegative(),
      content: z.string().min(1),
      single_word: z.boolean().default(false),
      lstrip: z.boolean().default(false),
      rstrip: z.boolean().default(false),
      normalized: z.boolean().optional(),
      special: z.boolean().default(false),
    }),
  ),
  normalizer: normalizerSchema.nullish(),
  pre_tokenizer: preTokenizerSchema.nullish(),
  decoder: z.unknown(),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: record,
    merges: z.array(z.unknown()),
    // Text would be encoded by chance.
    dropout: z.literal(0).nullish(),
    unk_token: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    continuing_subword_prefix: z.literal("").nullish(),
    end_of_word_suffix: z.literal("").nullish(),
  }),
});

export type TokenizerJson = z.infer<typeof tokenizerSchema>;

/**
 * @param vocab  of the model, without the added tokens
 * @throws E_MODEL naming the field that is damaged or not supported
 */
export function createFileEncoding(
  dir: string,
  json: TokenizerJson,
  vocab: ReadonlyMap<string, number>,
): Encoding {
  const normalizing = normalizerSteps(json.normalizer ?? null);
  const splitting = preTokenizerSteps(json.pre_tokenizer ?? null);
  const first = splitting.find((step) => step.type === "Metaspace" && step.prepend_scheme === "first");
  if (first !== undefined && normalizing.some(mayLoseStart)) {
    const expected = 'another prepend_scheme than "first" at pre_tokenizer';
    throw modelError(dir, kTokenizerFile, expected, "a normalizer that may take the start of a text away");
  }
  const build = <T>(field: string, create: () => T): T => {
    try {
      return create();
    } catch (cause) {
      const got = cause instanceof Error ? cause.message : String(cause);
      throw modelError(dir, kTokenizerFile, `another value at ${field}`, got, cause);
    }
  };
  const normalizer = build("normalizer", () => createNormalizer(normalizing));
  const preTokenizer = build("pre_tokenizer", () => createPreTokenizer(splitting));
  const tokens = json.added_tokens.map((token) => ({ ...token, singleWord: token.single_word }));
  const isNormalized = (token: (typeof tokens)[number]) => token.normalized ?? !token.special;
  const added = tokens.filter((token) => !isNormalized(token));
  const addedNormalized = tokens.filter(isNormalized).map((token) => {
    const content = finish(normalizer(token.content));
    if (content !== "") return { ...token, content };
    const got = `${JSON.stringify(token.content)}, of which the normalizer leaves nothing`;
    throw modelError(dir, kTokenizerFile, "added_tokens with text", got);
  });
  const model = bytePairOptions(dir, json, vocab);
  const keeps = normalizing.reduce((share, step) => share * keptShare(step), 1);
  const isKept = keeps > 0 && !splitting.some(losesText) && encodesEverything(json, model);
  return createEncoding({
    added,
    addedNormalized,
    normalizer,
    preTokenizer,
    model: createBytePairs(model),
    mostBytesOfToken: isKept
      ? longestToken(vocab, [...added, ...addedNormalized], json) / keeps
      : Number.POSITIVE_INFINITY,
  });
}

// --- internal ---

function bytePairOptions(
  dir: string,
  { model }: TokenizerJson,
  vocab: ReadonlyMap<string, number>,
): BytePairOptions {
  const unkId =
    model.unk_token === null || model.unk_token === undefined ? undefined : vocab.get(model.unk_token);
  if (unkId === undefined && typeof model.unk_token === "string") {
    const got = `${JSON.stringify(model.unk_token)}, which is not there`;
    throw modelError(dir, kTokenizerFile, "a token of model.vocab at model.unk_token", got);
  }
  return {
    vocab,
    merges: readMerges(dir, model.merges, vocab),
    unkId,
    fusesUnk: model.fuse_unk ?? false,
    byteFallback: model.byte_fallback ?? false,
    ignoreMerges: model.ignore_merges ?? false,
  };
}

/** A merge of or into what is no token cannot be done. */
function readMerges(dir: string, merges: readonly unknown[], vocab: ReadonlyMap<string, number>) {
  return merges.map((merge, i) => {
    const parts: unknown[] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (parts.length !== 2 || typeof left !== "string" || typeof right !== "string") {
      throw modelError(dir, kTokenizerFile, `a pair of tokens at model.merges.${i}`, JSON.stringify(merge));
    }
    const missing = [left, right, left + right].find((token) => !vocab.has(token));
    if (missing !== undefined) {
      const got = `${JSON.stringify(missing)}, which is not there`;
      throw modelError(dir, kTokenizerFile, `tokens of model.vocab at model.merges.${i}`, got);
    }
    return [left, right] as const;
  });
}

/** Does every character get a token of its own at least? */
function encodesEverything({ pre_tokenizer }: TokenizerJson, model: BytePairOptions): boolean {
  if (model.unkId !== undefined) return !model.fusesUnk;
  if (model.byteFallback && tokenOfByte.every((token) => model.vocab.has(token))) return true;
  const isByteLevel = preTokenizerSteps(pre_tokenizer ?? null).some(({ type }) => type === "ByteLevel");
  return isByteLevel && characterOfByte.every((character) => model.vocab.has(character));
}

/** In bytes of the normalized text: a token of bytes as characters has no more of those than bytes of UTF-8. */
function longestToken(
  vocab: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
  json: TokenizerJson,
): number {
  if (added.some(({ lstrip, rstrip }) => lstrip || rstrip)) return Number.POSITIVE_INFINITY;
  const isByteLevel = preTokenizerSteps(json.pre_tokenizer ?? null).some(({ type }) => type === "ByteLevel");
  // An unknown token stands for a character.
  let longest = 4;
  for (const token of vocab.keys()) {
    longest = Math.max(longest, isByteLevel ? token.length : Buffer.byteLength(token));
  }
  for (const { content } of [...added, ...json.added_tokens]) {
    longest = Math.max(longest, Buffer.byteLength(content));
  }
  return longest;
}
