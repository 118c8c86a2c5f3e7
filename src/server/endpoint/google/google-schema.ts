// Google's Schema, a part of OpenAPI's with types in capitals, as JSON schema: https://ai.google.dev/api/caching#Schema
import type { JsonSchema } from "../../../types/call-request.js";
import { badRequest } from "../request-error.js";

/** @throws RequestError 400 naming the keyword by its path */
export function toJsonSchema(schema: JsonSchema, at: string): JsonSchema {
  const { type, format, nullable, propertyOrdering, example: _, ...keywords } = schema;
  const read = Object.fromEntries(
    Object.entries(keywords).flatMap(([name, value]) =>
      value === undefined || value === null ? [] : [[name, toKeyword(name, value, `${at}.${name}`)]],
    ),
  );
  const lower = type === undefined || type === null ? undefined : toType(type, `${at}.type`);
  const isNullable = nullable === true && lower !== "null";
  return {
    ...(lower === undefined ? {} : { type: isNullable ? [lower, "null"] : lower }),
    ...(lower === undefined && isNullable && Array.isArray(read.anyOf)
      ? { ...read, anyOf: [...read.anyOf, { type: "null" }] }
      : read),
    // A null is not among the listed values.
    ...(isNullable && Array.isArray(read.enum) ? { enum: [...read.enum, null] } : {}),
    ...toFormat(format),
    ...toOrder(read.properties, propertyOrdering),
  };
}

// --- internal ---

const kTypes: ReadonlySet<string> = new Set([
  "string",
  "number",
  "integer",
  "boolean",
  "array",
  "object",
  "null",
]);
const kCounts: ReadonlySet<string> = new Set([
  ...["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"],
]);

function toType(type: unknown, at: string): string {
  const lower = typeof type === "string" ? type.toLowerCase() : "";
  if (kTypes.has(lower)) return lower;
  throw badRequest(`${at}: expected a type such as OBJECT or STRING, got ${JSON.stringify(type)}`, at);
}

function toKeyword(name: string, value: unknown, at: string): unknown {
  if (name === "properties" || name === "$defs" || name === "defs") {
    const entries = Object.entries(asObject(value, at));
    return Object.fromEntries(entries.map(([key, schema]) => [key, toInner(schema, `${at}.${key}`)]));
  }
  if (name === "anyOf") return asList(value, at).map((schema, i) => toInner(schema, `${at}.${i}`));
  if (name === "items" || (name === "additionalProperties" && typeof value !== "boolean"))
    return toInner(value, at);
  // 64-bit integers are text on this wire.
  if (kCounts.has(name) && typeof value === "string" && /^\d+$/.test(value)) return Number(value);
  return value;
}

function toInner(schema: unknown, at: string): JsonSchema {
  return toJsonSchema(asObject(schema, at), at);
}

function asObject(value: unknown, at: string): JsonSchema {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonSchema;
  throw badRequest(`${at}: expected a schema`, at);
}

function asList(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw badRequest(`${at}: expected a list of schemas`, at);
}

/** Formats of numbers say how the client keeps them, and "enum" what `enum` says. */
function toFormat(format: unknown): { readonly format?: string } {
  if (typeof format !== "string" || ["enum", "int32", "int64", "float", "double"].includes(format)) return {};
  return { format };
}

/** In the order in which they are to be written. */
function toOrder(properties: unknown, order: unknown): { readonly properties?: JsonSchema } {
  if (!Array.isArray(order) || typeof properties !== "object" || properties === null) return {};
  const entries = new Map(Object.entries(properties));
  const named = order.filter(
    (name: unknown): name is string => typeof name === "string" && entries.has(name),
  );
  const rest = [...entries.keys()].filter((name) => !named.includes(name));
  return { properties: Object.fromEntries([...named, ...rest].map((name) => [name, entries.get(name)])) };
}
