// Text to token ids and back, after tokenizer.json of a Hugging Face folder. @huggingface/tokenizers encodes; decoding
// is ours, over bytes, so that it can stream. No chat templates and no stop strings here.
import * as huggingface from "@huggingface/tokenizers";
import { z } from "zod";
import { argumentError, checkInteger } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { TooManyTokensError } from "./encoding/too-many-tokens.js";
import { modelError, readModelJson } from "./model-file.js";
import { createTokenBytes, type TokenBytes } from "./token-bytes.js";
import {
  bytesOfToken,
  createTokenDecoder,
  type TokenDecoder,
  type Vocabulary,
  type VocabularyEntry,
} from "./token-decoder.js";
import { readTokenizerConfig } from "./tokenizer-config.js";

export interface Tokenizer {
  /** The highest id plus one. The model's vocabulary may be larger. */
  readonly size: number;
  /** Ids of the tokens that tokenizer.json marks as special. */
  readonly specialIds: ReadonlySet<number>;
  /** Undefined where tokenizer_config.json names no such token or tokenizer.json does not have it. */
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  /** Adds no special tokens; those written in the text become their ids. Throws E_ARGUMENT if not a string. */
  encode(text: string): Int32Array;
  /** Ids without a token decode to nothing. Throws E_ARGUMENT when an id is not a non-negative integer. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /**
   * What `encode` gives, without keeping the event loop from other work for longer than 50 ms.
   * @param options  `most`: as many tokens are allowed, default any number
   * @throws E_ARGUMENT if not a string; TooManyTokensError (E_ARGUMENT with `most` and `atLeast`) for a text of more
   *   than `most` tokens, before it is encoded where its length alone tells; the signal's reason when it aborts
   */
  encodeAsync(
    text: string,
    options?: { readonly most?: number; readonly signal?: AbortSignal },
  ): Promise<Int32Array>;
  /**
   * A token's own bytes: UTF-8, or part of a character. None for an id without a token. Throws as `decode` does.
   * @param options  `first`: as the first token of a text, which loses the spaces that decoding strips there
   */
  bytesOf(id: number, options?: { readonly first?: boolean }): Uint8Array;
  /** For ids that come one by one: the pieces and the flush together are what `decode` gives for all of them. */
  createDecoder(options?: DecodeOptions): TokenDecoder;
  idOf(token: string): number | undefined;
}

export interface DecodeOptions {
  /** Leave special tokens out of the text. Default false. */
  readonly skipSpecial?: boolean;
}

/**
 * Reads tokenizer.json (BPE) and, if there, tokenizer_config.json. `clean_up_tokenization_spaces` is not applied: it
 * would make decoding lossy.
 * @throws E_MODEL naming file and field when they are missing, damaged or of a kind not supported
 */
export function loadTokenizer(dir: string): Tokenizer {
  const json = readModelJson(dir, kFile, schema);
  if (json === undefined) throw modelError(dir, kFile, "a tokenizer", "no such file");
  const { vocabulary, ids, specialIds } = readVocabulary(dir, json);
  checkMerges(dir, json);
  const tokenBytes = createTokenBytes(json.decoder);
  if (tokenBytes === undefined) {
    const got = JSON.stringify(json.decoder)?.slice(0, 100) ?? "nothing";
    throw modelError(dir, kFile, "decoder ByteLevel, or Replace, ByteFallback, Fuse and Strip", got);
  }
  const config = readTokenizerConfig(dir);
  const encoder = createEncoder(dir, json, config.json);
  const longest = longestToken(vocabulary, tokenBytes) * (json.normalizer === null ? 1 : 4);
  const idOf = (token: string | undefined) => (token === undefined ? undefined : ids.get(token));
  const createDecoder = (options: DecodeOptions = {}) =>
    createTokenDecoder(vocabulary, tokenBytes, options.skipSpecial ? specialIds : kNoIds);
  const encode = (text: string): Int32Array => {
    if (typeof text !== "string") throw argumentError("tokenizer.encode", "a string", text);
    return Int32Array.from(encoder.encode(text, { add_special_tokens: false }).ids, checkEncoded);
  };
  return {
    size: vocabulary.length,
    specialIds,
    bosId: idOf(config.specialTokens.bos_token),
    eosId: idOf(config.specialTokens.eos_token),
    padId: idOf(config.specialTokens.pad_token),
    encode,
    decode(tokens, options) {
      const decoder = createDecoder(options);
      let text = "";
      for (let i = 0; i < tokens.length; i++) text += decoder.push(tokens[i] ?? -1);
      return text + decoder.flush();
    },
    async encodeAsync(text, { most = Number.MAX_SAFE_INTEGER, signal } = {}) {
      if (typeof text !== "string") throw argumentError("tokenizer.encodeAsync", "a string", text);
      checkInteger("tokenizer.encodeAsync", "most", most, { min: 0 });
      signal?.throwIfAborted();
      const atLeast = Math.ceil(Buffer.byteLength(text) / longest);
      if (atLeast > most) throw new TooManyTokensError(most, atLeast);
      const ids = encode(text);
      if (ids.length > most) throw new TooManyTokensError(most, ids.length);
      return ids;
    },
    bytesOf(id, { first = false } = {}) {
      const bytes = bytesOfToken("tokenizer.bytesOf", vocabulary, tokenBytes, id);
      let start = 0;
      while (first && start < tokenBytes.strippedSpaces && bytes[start] === 0x20) start++;
      return bytes.subarray(start);
    },
    createDecoder,
    idOf,
  };
}

// --- internal ---

const kFile = "tokenizer.json";
const kNoIds: ReadonlySet<number> = new Set();

// A regular vocabulary holds 150,000 entries and as many merges: those are checked by hand below.
const record = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "expected an object",
);
const pattern = z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]);
// @huggingface/tokenizers would silently treat other behaviors, and `invert` with Isolated, as something else.
const preTokenizer = z
  .looseObject({
    type: z.string(),
    behavior: z.enum(["Isolated", "Removed"]).optional(),
    pattern: pattern.optional(),
    invert: z.boolean().optional(),
  })
  .refine((step) => !step.invert || step.behavior === "Removed", "invert is supported with Removed only")
  .refine((step) => step.type !== "Split" || step.pattern !== undefined, "expected a pattern");
const schema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({
      id: z.int().nonnegative(),
      content: z.string().min(1),
      single_word: z.literal(false).optional(),
      special: z.boolean().optional(),
    }),
  ),
  normalizer: z.looseObject({ type: z.string() }).nullable(),
  pre_tokenizer: z
    .intersection(preTokenizer, z.looseObject({ pretokenizers: z.array(preTokenizer).optional() }))
    .nullable(),
  decoder: z.unknown(),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: record,
    merges: z.array(z.unknown()),
    continuing_subword_prefix: z.literal("").nullish(),
    end_of_word_suffix: z.literal("").nullish(),
  }),
});

type TokenizerJson = z.infer<typeof schema>;

function readVocabulary(dir: string, json: TokenizerJson) {
  const vocabulary: (VocabularyEntry | undefined)[] = [];
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(json.model.vocab)) {
    const field = `model.vocab[${JSON.stringify(token)}]`;
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > kMaxId) {
      throw modelError(dir, kFile, `an id at ${field}`, JSON.stringify(id));
    }
    if (vocabulary[id] !== undefined) {
      throw modelError(dir, kFile, `an id of its own at ${field}`, `${id}, which is another token's`);
    }
    vocabulary[id] = { token, isAdded: false };
    ids.set(token, id);
  }
  const specialIds = new Set<number>();
  for (const [i, { id, content, special }] of json.added_tokens.entries()) {
    const taken = vocabulary[id];
    if (id > kMaxId || (taken !== undefined && taken.token !== content)) {
      throw modelError(dir, kFile, `a free id at added_tokens.${i}.id`, String(id));
    }
    vocabulary[id] = { token: content, isAdded: true };
    ids.set(content, id);
    if (special) specialIds.add(id);
  }
  return { vocabulary, ids, specialIds };
}

const kMaxId = 2 ** 24;

function longestToken(vocabulary: Vocabulary, tokenBytes: TokenBytes): number {
  let longest = 1;
  for (const id of vocabulary.keys()) {
    longest = Math.max(longest, bytesOfToken("tokenizer", vocabulary, tokenBytes, id).length);
  }
  return longest;
}

// A merge into a token that is not in the vocabulary would make the encoder drop text without a word.
function checkMerges(dir: string, { model }: TokenizerJson): void {
  for (const [i, merge] of model.merges.entries()) {
    const parts: unknown[] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (parts.length !== 2 || typeof left !== "string" || typeof right !== "string") {
      throw modelError(dir, kFile, `a pair of tokens at model.merges.${i}`, JSON.stringify(merge));
    }
    const missing = [left, right, left + right].find((token) => !Object.hasOwn(model.vocab, token));
    if (missing !== undefined) {
      const got = `${JSON.stringify(missing)}, which is not there`;
      throw modelError(dir, kFile, `tokens of model.vocab at model.merges.${i}`, got);
    }
  }
}

// The library's type declarations do not resolve under `nodenext`; this is the part of it that is used.
interface Encoder {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: unknown[] };
}

function createEncoder(dir: string, json: TokenizerJson, config: object): Encoder {
  try {
    // All that post-processors do is add special tokens, and move offsets.
    return new huggingface.Tokenizer({ ...json, post_processor: null }, config) as Encoder;
  } catch (cause) {
    throw modelError(dir, kFile, "a tokenizer that can be built", String(cause), cause);
  }
}

function checkEncoded(id: unknown): number {
  if (typeof id === "number") return id;
  throw new LightningError("E_MODEL", `tokenizer.encode: expected an id for every token, got ${id}`);
}
