// Whether every keyword of a schema is one that is dealt with.
import { nearest } from "../base/nearest.js";
import { kAnnotations, kDefinitions, kEnforced, kRefused } from "./keywords.js";
import type { SchemaNode, SchemaRecord } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";

/** @throws E_ARGUMENT for a keyword that is refused, or that nobody knows */
export function checkKeywords({ path }: SchemaNode, schema: SchemaRecord): void {
  for (const keyword of Object.keys(schema)) {
    if (schema[keyword] === undefined || keyword.startsWith("x-")) continue;
    if (kEnforced.has(keyword) || kDefinitions.has(keyword) || kAnnotations.has(keyword)) continue;
    if (keyword === "uniqueItems" && schema[keyword] === false) continue;
    const remedy = kRefused.get(keyword);
    throw refusedKeyword(keyword, path, remedy ?? remedyForUnknown(keyword));
  }
}

/** Whether a schema bounds no value, as true does. */
export function saysNothing({ schema }: SchemaNode): boolean {
  if (typeof schema === "boolean") return schema;
  for (const keyword in schema)
    if (schema[keyword] !== undefined && !kAnnotations.has(keyword) && !keyword.startsWith("x-"))
      return false;
  return true;
}

// --- internal ---

function remedyForUnknown(keyword: string): string {
  if (["_zod", "_def", "~standard"].includes(keyword)) return "give z.toJSONSchema(schema)";
  const near = nearest(keyword, [...kEnforced, ...kRefused.keys()], 0.4);
  return near === undefined ? "it is no keyword of JSON schema" : `did you mean ${JSON.stringify(near)}?`;
}
