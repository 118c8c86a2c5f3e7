// A parameter's value that is written without quotes, to JSON: text stays text, everything else is JSON, or what Python prints for it, since
// some templates print values that way.
import { readJson, skipSpace } from "../../base/json-text.js";
import { toJsonValue } from "../../base/json-value.js";
import { type JsonType, typeOf } from "./parameter-types.js";
import { readPython } from "./python-literal.js";

/** What the schema allows; undefined: it does not say, and values are text. */
export type Types = ReadonlySet<JsonType> | undefined;

/** A value that cannot be text, read from where it begins; undefined where there is none. */
export function readTyped(
  text: string,
  start: number,
  types: Types,
): { readonly json: string; readonly end: number } | undefined {
  return types === undefined || types.has("string") ? undefined : readLiteral(text, start);
}

/** @returns JSON text; a value that is none of the types is the text that was written, as JSON */
export function readValue(value: string, types: Types): string {
  if (types === undefined || (types.size === 1 && types.has("string"))) return JSON.stringify(value);
  const literal = readLiteral(value, 0);
  if (literal === undefined || skipSpace(value, literal.end) < value.length) return JSON.stringify(value);
  const type = typeOf(toJsonValue(literal.json));
  const isMeant = types.has("string") ? type !== "string" && types.has(type) : true;
  return isMeant ? literal.json : JSON.stringify(value);
}

// --- internal ---

function readLiteral(
  text: string,
  start: number,
): { readonly json: string; readonly end: number } | undefined {
  const node = readJson(text, start);
  return node === undefined
    ? readPython(text, start)
    : { json: text.slice(node.start, node.end), end: node.end };
}
