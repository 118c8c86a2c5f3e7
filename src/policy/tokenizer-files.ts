// A tokenizer's files as they are copied into a new model folder, and what the model's config must know of them.
import { z } from "zod";
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { readModelText } from "./model-file.js";
import { additionalTemplates, kTemplateFile } from "./template-files.js";

/** A folder, or the content of tokenizer.json, tokenizer_config.json and chat_template.jinja. */
export type TokenizerSource =
  | string
  | {
      readonly tokenizerJson: object;
      readonly tokenizerConfig?: object;
      readonly chatTemplate?: string;
    };

export interface TokenizerFiles {
  /** Path below the folder, and text. */
  readonly files: ReadonlyMap<string, string>;
  /** One more than the largest id. */
  readonly size: number;
  readonly eosTokenId?: number;
  readonly bosTokenId?: number;
}

/**
 * @param who  the call, for error messages
 * @throws E_ARGUMENT when the source is neither a folder with tokenizer.json nor the files' content;
 *   E_MODEL when a file is damaged
 */
export function readTokenizerFiles(who: string, source: TokenizerSource): TokenizerFiles {
  const files = typeof source === "string" ? textsInFolder(who, source) : textsInRecord(who, source);
  const place = typeof source === "string" ? source : "tokenizer";
  const ids = idsByText(parse(place, kTokenizer, files, tokenizerSchema));
  const special = parse(place, kConfig, files, configSchema);
  const idOf = (token: SpecialToken): number | undefined =>
    ids.get(typeof token === "string" ? token : (token?.content ?? ""));
  const map = parse(place, kMap, files, configSchema);
  const eosTokenId = idOf(special.eos_token ?? map.eos_token);
  const bosTokenId = idOf(special.bos_token ?? map.bos_token);
  let size = 0;
  for (const id of ids.values()) size = Math.max(size, id + 1);
  return {
    files,
    size,
    ...(eosTokenId === undefined ? {} : { eosTokenId }),
    ...(bosTokenId === undefined ? {} : { bosTokenId }),
  };
}

// --- internal ---

const kTokenizer = "tokenizer.json";
const kConfig = "tokenizer_config.json";
const kMap = "special_tokens_map.json";

const kSourceNames: OptionNames<Exclude<TokenizerSource, string>> = {
  tokenizerJson: ["tokenizer.json", "tokenizer"],
  tokenizerConfig: ["tokenizer_config.json", "config"],
  chatTemplate: ["chat_template.jinja", "template"],
};

const id = z.int().min(0);
const tokenizerSchema = z.looseObject({
  model: z.looseObject({
    // By piece, or (Unigram) a list of piece and score in the order of the ids.
    vocab: z.union([z.record(z.string(), id), z.array(z.tuple([z.string(), z.number()]))]),
  }),
  added_tokens: z.array(z.looseObject({ id, content: z.string() })).nullish(),
});
const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({ eos_token: specialToken, bos_token: specialToken });

type SpecialToken = z.infer<typeof specialToken>;

function textsInFolder(who: string, dir: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const name of [kTokenizer, kConfig, kMap, kTemplateFile, ...additionalTemplates(dir)]) {
    const text = readModelText(dir, name);
    if (text !== undefined) files.set(name, text);
  }
  if (!files.has(kTokenizer)) throw argumentError(who, `tokenizer to be a folder with ${kTokenizer}`, dir);
  return files;
}

function textsInRecord(who: string, source: Exclude<TokenizerSource, string>): ReadonlyMap<string, string> {
  if (typeof source?.tokenizerJson !== "object" || source.tokenizerJson === null) {
    throw argumentError(who, "tokenizer to be a folder or { tokenizerJson, tokenizerConfig }", source);
  }
  checkOptions(`${who}: tokenizer`, source, kSourceNames);
  const files = new Map([[kTokenizer, JSON.stringify(source.tokenizerJson)]]);
  if (source.tokenizerConfig !== undefined) files.set(kConfig, JSON.stringify(source.tokenizerConfig));
  if (source.chatTemplate !== undefined) files.set(kTemplateFile, source.chatTemplate);
  return files;
}

function parse<T>(place: string, name: string, files: ReadonlyMap<string, string>, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(files.get(name) ?? "{}"));
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    const message = `${place}/${name}: expected a tokenizer's file, got ${problem}`;
    throw new LightningError("E_MODEL", message, { cause });
  }
}

// Added tokens have the last word, as in the tokenizer.
function idsByText(json: z.infer<typeof tokenizerSchema>): ReadonlyMap<string, number> {
  const { vocab } = json.model;
  const pieces = Array.isArray(vocab)
    ? vocab.map(([piece], index) => [piece, index] as const)
    : Object.entries(vocab);
  const added = (json.added_tokens ?? []).map((token) => [token.content, token.id] as const);
  return new Map([...pieces, ...added]);
}
