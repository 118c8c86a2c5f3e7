// The tokens of a tokenizer.json by id, those of the model and those that were added.
import { modelError } from "../../model/model-file.js";
import type { VocabularyEntry } from "../token-decoder.js";
import { kTokenizerFile, type TokenizerJson } from "./tokenizer-file.js";

export interface VocabularyOfFile {
  readonly vocabulary: readonly (VocabularyEntry | undefined)[];
  /** Ids by text: of all tokens, and of the model's alone. */
  readonly ids: ReadonlyMap<string, number>;
  readonly modelIds: ReadonlyMap<string, number>;
  /** Of those marked as special. */
  readonly specialIds: ReadonlySet<number>;
}

/** @throws E_MODEL naming the token whose id is none, or another's */
export function readVocabulary(dir: string, json: TokenizerJson): VocabularyOfFile {
  const vocabulary: (VocabularyEntry | undefined)[] = [];
  const modelIds = new Map<string, number>();
  for (const [token, id] of Object.entries(json.model.vocab)) {
    const field = `model.vocab[${JSON.stringify(token)}]`;
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > kMaxId) {
      throw modelError(dir, kTokenizerFile, `an id at ${field}`, JSON.stringify(id));
    }
    if (vocabulary[id] !== undefined) {
      throw modelError(
        dir,
        kTokenizerFile,
        `an id of its own at ${field}`,
        `${id}, which is another token's`,
      );
    }
    vocabulary[id] = { token, isAdded: false };
    modelIds.set(token, id);
  }
  const ids = new Map(modelIds);
  const specialIds = new Set<number>();
  for (const [i, { id, content, special }] of json.added_tokens.entries()) {
    const taken = vocabulary[id];
    const own = modelIds.get(content) ?? id;
    if (id > kMaxId || own !== id || (taken !== undefined && taken.token !== content)) {
      throw modelError(dir, kTokenizerFile, `a free id at added_tokens.${i}.id`, String(id));
    }
    vocabulary[id] = { token: content, isAdded: true };
    ids.set(content, id);
    if (special) specialIds.add(id);
  }
  return { vocabulary, ids, modelIds, specialIds };
}

// --- internal ---

const kMaxId = 2 ** 24;
