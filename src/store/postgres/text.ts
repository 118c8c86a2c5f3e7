// Callers' ids and records as PostgreSQL keeps them. Its text holds no NUL and no lone surrogate, so ids are stored escaped as in
// JSON, which leaves every ordinary id as it is; records are JSON text and need no care.
import { argumentError } from "../../base/check.js";

/** The text of an id, different for different ids. */
export function toKey(id: string): string {
  return kSpecial.test(id) ? JSON.stringify(id).slice(1, -1) : id;
}

/** The id of a text that toKey gave. */
export function fromKey(key: string): string {
  return key.includes("\\") ? (JSON.parse(`"${key}"`) as string) : key;
}

/** @throws E_ARGUMENT for what JSON cannot hold: cycles, bigint */
export function toJson(who: string, value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    throw argumentError(who, "data that survives JSON", value, (error as Error).message);
  }
}

// --- internal ---

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const kSpecial = /[\u0000-\u001f"\\\ud800-\udfff]/;
