// Which JSON types a tool's parameter may have, as its schema says: what tells a text from JSON where a form writes both without quotes.
import { findReference, isRecord } from "../../grammar/schema-document.js";
import type { ToolDefinition } from "../../types/chat.js";

export type JsonType = "string" | "number" | "boolean" | "null" | "object" | "array";

/** @returns a function of the parameter's name; undefined where the schema does not say */
export function createParameterTypes(
  tool: ToolDefinition | undefined,
): (name: string) => ReadonlySet<JsonType> | undefined {
  const root = tool?.function.parameters ?? {};
  return (name) => typesOf(propertyOf(root, name), root, kMostDepth);
}

export function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "object";
}

// --- internal ---

type Types = ReadonlySet<JsonType> | undefined;

const kMostDepth = 16;

function propertyOf(root: unknown, name: string): unknown {
  const properties: unknown = Object(root).properties;
  return Object.hasOwn(Object(properties), name)
    ? Object(properties)[name]
    : Object(root).additionalProperties;
}

function typesOf(schema: unknown, root: unknown, depth: number): Types {
  if (typeof schema !== "object" || schema === null || depth === 0) return undefined;
  const { type, enum: values, const: value, anyOf, oneOf, allOf, $ref, nullable } = Object(schema);
  const known =
    fromType(type) ??
    (Array.isArray(values) ? new Set(values.map(typeOf)) : undefined) ??
    (Object.hasOwn(schema, "const") ? new Set([typeOf(value)]) : undefined) ??
    union(anyOf ?? oneOf, root, depth) ??
    first(allOf, root, depth) ??
    (typeof $ref === "string" && isRecord(root)
      ? typesOf(findReference(root, $ref)?.value, root, depth - 1)
      : undefined);
  return known !== undefined && nullable === true ? new Set([...known, "null" as const]) : known;
}

function fromType(type: unknown): Types {
  const names: unknown[] = [type].flat().filter((name) => name !== undefined);
  const types = names.flatMap((name) => kTypes.get(name) ?? []);
  return types.length > 0 && types.length === names.length ? new Set(types) : undefined;
}

const kTypes: ReadonlyMap<unknown, JsonType> = new Map([
  ...(["string", "number", "boolean", "null", "object", "array"] as const).map(
    (type) => [type, type] as const,
  ),
  ["integer", "number"],
]);

function union(schemas: unknown, root: unknown, depth: number): Types {
  if (!Array.isArray(schemas) || schemas.length === 0) return undefined;
  const all = schemas.map((each) => typesOf(each, root, depth - 1));
  return all.some((types) => types === undefined)
    ? undefined
    : new Set(all.flatMap((types) => [...(types ?? [])]));
}

function first(schemas: unknown, root: unknown, depth: number): Types {
  if (!Array.isArray(schemas)) return undefined;
  return schemas.map((each) => typesOf(each, root, depth - 1)).find((types) => types !== undefined);
}
