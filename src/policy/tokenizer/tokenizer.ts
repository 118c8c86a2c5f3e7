// Text to token ids and back, after tokenizer.json of a Hugging Face folder. No chat templates and no stop strings here.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { argumentError, checkInteger, checkSignal } from "../../base/check.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import { modelError, readModelJson } from "../model/model-file.js";
import { finish } from "./encoding/encoder.js";
import { createFileEncoding, kTokenizerFile, tokenizerSchema } from "./encoding/tokenizer-file.js";
import { createTurns } from "./encoding/turns.js";
import { readVocabulary } from "./encoding/vocabulary.js";
import { createTokenBytes } from "./token-bytes.js";
import { bytesOfToken, createTokenDecoder, type TokenDecoder } from "./token-decoder.js";
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
   * What `encode` gives, without keeping the event loop from other work for longer than 50 ms, however many
   * encodings run at once.
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
  const json = readModelJson(dir, kTokenizerFile, tokenizerSchema);
  if (json === undefined) throw modelError(dir, kTokenizerFile, "a tokenizer", missingIn(dir));
  const { vocabulary, ids, modelIds, specialIds } = readVocabulary(dir, json);
  const tokenBytes = createTokenBytes(json.decoder);
  if (tokenBytes === undefined) {
    const got = JSON.stringify(json.decoder)?.slice(0, 100) ?? "nothing";
    throw modelError(dir, kTokenizerFile, "decoder ByteLevel, or Replace, ByteFallback, Fuse and Strip", got);
  }
  const config = readTokenizerConfig(dir);
  const encoding = createFileEncoding(dir, json, modelIds);
  const turns = createTurns();
  const idOf = (token: string | undefined) => (token === undefined ? undefined : ids.get(token));
  const createDecoder = (options: DecodeOptions = {}) => {
    checkOptions("tokenizer.decode", options, kDecodeNames);
    return createTokenDecoder(vocabulary, tokenBytes, options.skipSpecial ? specialIds : kNoIds);
  };
  return {
    size: vocabulary.length,
    specialIds,
    bosId: idOf(config.specialTokens.bos_token),
    eosId: idOf(config.specialTokens.eos_token),
    padId: idOf(config.specialTokens.pad_token),
    encode(text) {
      if (typeof text !== "string") throw argumentError("tokenizer.encode", "a string", text);
      return new Int32Array(finish(encoding(text, Number.POSITIVE_INFINITY)));
    },
    decode(tokens, options) {
      if (!Array.isArray(tokens) && !ArrayBuffer.isView(tokens))
        throw argumentError("tokenizer.decode", "an array of token ids", tokens);
      const decoder = createDecoder(options);
      let text = "";
      for (let i = 0; i < tokens.length; i++) text += decoder.push(tokens[i] ?? -1);
      return text + decoder.flush();
    },
    async encodeAsync(text, options = {}) {
      checkOptions("tokenizer.encodeAsync", options, kEncodeNames);
      const { most = Number.MAX_SAFE_INTEGER, signal } = options;
      checkSignal("tokenizer.encodeAsync", signal);
      if (typeof text !== "string") throw argumentError("tokenizer.encodeAsync", "a string", text);
      checkInteger("tokenizer.encodeAsync", "most", most, { min: 0 });
      return new Int32Array(await turns.run(encoding(text, most), signal));
    },
    bytesOf(id, options) {
      if (options !== undefined) checkOptions("tokenizer.bytesOf", options, kBytesNames);
      const first = options?.first ?? false;
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

// Beside each name, that of transformers.
const kDecodeNames: OptionNames<DecodeOptions> = { skipSpecial: ["skip_special_tokens"] };
const kEncodeNames: OptionNames<NonNullable<Parameters<Tokenizer["encodeAsync"]>[1]>> = {
  most: ["max_length", "truncation"],
  signal: ["abort_signal"],
};
const kBytesNames: OptionNames<NonNullable<Parameters<Tokenizer["bytesOf"]>[1]>> = { first: [] };

/** The files of tokenizers that are not read here. */
const kOtherFiles = ["tokenizer.model", "vocab.json", "spiece.model", "tekken.json"] as const;

function missingIn(dir: string): string {
  const other = kOtherFiles.find((name) => existsSync(join(dir, name)));
  if (other === undefined) return "no such file";
  return `${other} alone; write it once, in Python: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`;
}

const kNoIds: ReadonlySet<number> = new Set();
