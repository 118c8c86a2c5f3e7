// tokenizer_config.json of a Hugging Face folder: the special tokens by name and the chat template, if kept there.
import { z } from "zod";
import { readModelJson } from "./model-file.js";

export interface TokenizerConfig {
  /** bos_token, eos_token and so on, as text; those that are null or absent are left out. */
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly chatTemplate: string | readonly NamedTemplate[] | undefined;
  /** The file as it is, for the tokenizer library. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface NamedTemplate {
  readonly name: string;
  readonly template: string;
}

/**
 * A folder without the file counts as one with an empty file.
 * @throws E_MODEL naming file and field when it is damaged
 */
export function readTokenizerConfig(dir: string): TokenizerConfig {
  const json = readModelJson(dir, "tokenizer_config.json", schema) ?? {};
  const specialTokens: Record<string, string> = {};
  for (const name of kSpecialTokenNames) {
    const token = json[name];
    if (token !== undefined && token !== null) {
      specialTokens[name] = typeof token === "string" ? token : token.content;
    }
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

const schema = z.looseObject({
  bos_token: token,
  eos_token: token,
  unk_token: token,
  sep_token: token,
  pad_token: token,
  cls_token: token,
  mask_token: token,
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});
