// The special tokens of a Hugging Face folder by name, as its templates see them, and the chat template, if tokenizer_config.json keeps it.
import { z } from "zod";
import { readModelJson } from "./model-file.js";

export interface TokenizerConfig {
  /** bos_token, eos_token and so on, as text; those that are null or absent are left out. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** What the field chat_template holds. */
  readonly chatTemplate: unknown;
  /** tokenizer_config.json as it is, for the tokenizer library. */
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * tokenizer_config.json and special_tokens_map.json. As in transformers, the map goes before the config, unless that is of the kind that names
 * all added tokens itself: then it only fills what is absent there. A folder without the files counts as one with empty ones.
 * @throws E_MODEL naming file and field when they are damaged
 */
export function readTokenizerConfig(dir: string): TokenizerConfig {
  const json = readModelJson(dir, "tokenizer_config.json", schema) ?? {};
  const map = readModelJson(dir, "special_tokens_map.json", tokensSchema) ?? {};
  const isWhole = json.added_tokens_decoder !== undefined && json.added_tokens_decoder !== null;
  const tokens = isWhole ? { ...map, ...json } : { ...json, ...map };
  const specialTokens: Record<string, string> = {};
  for (const name of kSpecialTokenNames) {
    const token = tokens[name];
    if (token !== undefined && token !== null) {
      specialTokens[name] = typeof token === "string" ? token : token.content;
    }
  }
  const extra = z.record(z.string(), token).safeParse(json.extra_special_tokens);
  for (const [name, token] of Object.entries(extra.data ?? {})) {
    if (token !== undefined && token !== null)
      specialTokens[name] = typeof token === "string" ? token : token.content;
  }
  return { specialTokens, chatTemplate: json.chat_template ?? undefined, json };
}

// --- internal ---

const kSpecialTokenNames = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;

const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

const tokensSchema = z.looseObject({
  bos_token: token,
  eos_token: token,
  unk_token: token,
  sep_token: token,
  pad_token: token,
  cls_token: token,
  mask_token: token,
});

const schema = tokensSchema.extend({
  added_tokens_decoder: z.unknown().optional(),
  chat_template: z.unknown().optional(),
  extra_special_tokens: z.unknown().optional(),
});
