// The special tokens of a Hugging Face folder by name, as its templates see them, and the chat template, if tokenizer_config.json keeps it.
import { z } from "zod";
import { readModelJson } from "../model/model-file.js";

export interface TokenizerConfig {
  /** bos_token, eos_token and so on, as text; those that are null or absent are left out. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** What the field chat_template holds. */
  readonly chatTemplate: unknown;
}

export const kTokenizerConfigFile = "tokenizer_config.json";
export const kTokensMapFile = "special_tokens_map.json";

/** A folder without the files counts as one with empty ones. @throws E_MODEL naming file and field when they are damaged */
export function readTokenizerConfig(dir: string): TokenizerConfig {
  const json = readModelJson(dir, kTokenizerConfigFile, tokenizerConfigSchema) ?? {};
  const map = readModelJson(dir, kTokensMapFile, tokensMapSchema) ?? {};
  return { specialTokens: toSpecialTokens(json, map), chatTemplate: json.chat_template ?? undefined };
}

/**
 * As in transformers, the map goes before the config, unless that is of the kind that names all added tokens itself: then it only fills what is
 * absent there.
 * @param json  of tokenizer_config.json
 * @param map  of special_tokens_map.json
 */
export function toSpecialTokens(
  json: z.infer<typeof tokenizerConfigSchema>,
  map: z.infer<typeof tokensMapSchema>,
): TokenizerConfig["specialTokens"] {
  const isWhole = json.added_tokens_decoder !== undefined && json.added_tokens_decoder !== null;
  const tokens = isWhole ? { ...map, ...json } : { ...json, ...map };
  const extra = z.record(z.string(), token).safeParse(json.extra_special_tokens).data ?? {};
  const named = [
    ...kSpecialTokenNames.map((name) => [name, tokens[name]] as const),
    ...Object.entries(extra),
  ];
  return Object.fromEntries(
    named.flatMap(([name, token]) =>
      token === undefined || token === null
        ? []
        : [[name, typeof token === "string" ? token : token.content]],
    ),
  );
}

const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

export const tokensMapSchema = z.looseObject({
  bos_token: token,
  eos_token: token,
  unk_token: token,
  sep_token: token,
  pad_token: token,
  cls_token: token,
  mask_token: token,
});

export const tokenizerConfigSchema = tokensMapSchema.extend({
  added_tokens_decoder: z.unknown().optional(),
  chat_template: z.unknown().optional(),
  extra_special_tokens: z.unknown().optional(),
});

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
