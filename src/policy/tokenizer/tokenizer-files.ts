// A tokenizer's files as they are copied into a new model folder, and what the model's config must know of them.
import { z } from "zod";
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { checkOptions, type OptionNames } from "../../base/options.js";
import { readModelText } from "../model/model-file.js";
import { kTokenizerFile } from "./encoding/tokenizer-file.js";
import { additionalTemplates, kTemplateFile } from "./template-files.js";
import {
  kTokenizerConfigFile,
  kTokensMapFile,
  tokenizerConfigSchema,
  tokensMapSchema,
  toSpecialTokens,
} from "./tokenizer-config.js";

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
  const ids = idsByText(parse(place, kTokenizerFile, files, tokenizerSchema));
  const special = toSpecialTokens(
    parse(place, kTokenizerConfigFile, files, tokenizerConfigSchema),
    parse(place, kTokensMapFile, files, tokensMapSchema),
  );
  const eosTokenId = ids.get(special.eos_token ?? "");
  const bosTokenId = ids.get(special.bos_token ?? "");
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

function textsInFolder(who: string, dir: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const name of [
    kTokenizerFile,
    kTokenizerConfigFile,
    kTokensMapFile,
    kTemplateFile,
    ...additionalTemplates(dir),
  ]) {
    const text = readModelText(dir, name);
    if (text !== undefined) files.set(name, text);
  }
  if (!files.has(kTokenizerFile))
    throw argumentError(who, `tokenizer to be a folder with ${kTokenizerFile}`, dir);
  return files;
}

function textsInRecord(who: string, source: Exclude<TokenizerSource, string>): ReadonlyMap<string, string> {
  if (typeof source?.tokenizerJson !== "object" || source.tokenizerJson === null) {
    throw argumentError(who, "tokenizer to be a folder or { tokenizerJson, tokenizerConfig }", source);
  }
  checkOptions(`${who}: tokenizer`, source, kSourceNames);
  const files = new Map([[kTokenizerFile, JSON.stringify(source.tokenizerJson)]]);
  if (source.tokenizerConfig !== undefined)
    files.set(kTokenizerConfigFile, JSON.stringify(source.tokenizerConfig));
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
