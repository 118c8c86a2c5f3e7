// Which tokens end an answer. One set for the sampler, for the text that clients see and for the splicing of ids.
import { join } from "node:path";
import { warn } from "../../base/warning.js";
import type { ModelConfig } from "../model/model-config.js";
import type { Tokenizer } from "./tokenizer.js";
import { kTokenizerConfigFile } from "./tokenizer-config.js";

/**
 * The ids of config.json, of generation_config.json and the tokenizer's own: base models name the end of a text, and those who tune
 * them on turns often change the tokenizer alone. An id beyond the model's vocabulary cannot be sampled and is left out.
 * @returns the config with the union in `eosTokenIds`; empty where nothing in the folder names a token, which is warned of
 */
export function withTokenizerEos(
  dir: string,
  config: ModelConfig,
  { eosId }: Pick<Tokenizer, "eosId">,
): ModelConfig {
  const own = eosId === undefined || eosId >= config.vocabulary ? [] : [eosId];
  const eosTokenIds = [...new Set([...config.eosTokenIds, ...own])];
  if (eosTokenIds.length === 0) warnOfNone(dir);
  return { ...config, eosTokenIds };
}

// --- internal ---

function warnOfNone(dir: string): void {
  warn(
    "AGL_NO_STOP_TOKEN",
    `${dir}: expected a token that ends answers, got none in config.json, generation_config.json and the tokenizer's files, so every ` +
      `answer goes on to maxTokens; name it as eos_token in ${join(dir, kTokenizerConfigFile)}, or give stop`,
  );
}
