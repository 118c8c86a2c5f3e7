// Reads the values of a schema's keywords, each checked for what JSON schema says it is.
import { type JsonKind, kJsonKinds } from "./alternatives.js";
import { isRecord, type SchemaDocument, type SchemaNode, type SchemaRecord } from "./schema-document.js";
import { refusedValue, type SchemaPath } from "./schema-refusal.js";

export interface KeywordReader {
  readonly path: SchemaPath;
  has(keyword: string): boolean;
  /** A whole number from 0 on, as large as a count can come to matter. */
  count(keyword: string): number | undefined;
  number(keyword: string): number | undefined;
  text(keyword: string): string | undefined;
  flag(keyword: string): boolean | undefined;
  isList(keyword: string): boolean;
  /** Whatever it is. */
  raw(keyword: string): unknown;
  list(keyword: string): readonly unknown[] | undefined;
  names(keyword: string): readonly string[] | undefined;
  types(): readonly JsonKind[] | undefined;
  schema(keyword: string): SchemaNode | undefined;
  schemas(keyword: string): readonly SchemaNode[] | undefined;
  schemasByName(keyword: string): ReadonlyMap<string, SchemaNode> | undefined;
  /** The place of a keyword of this schema. */
  at(keyword: string): SchemaPath;
}

/** @throws E_ARGUMENT from every method, for a value of another kind */
export function createKeywordReader(
  document: SchemaDocument,
  schema: SchemaRecord,
  path: SchemaPath,
): KeywordReader {
  const at = (keyword: string): SchemaPath => ({ parent: path, step: keyword });
  const has = (keyword: string) => schema[keyword] !== undefined;
  const read = <T>(keyword: string, expected: string, isRight: (value: unknown) => value is T) => {
    const value = schema[keyword];
    if (value === undefined || isRight(value)) return value;
    throw refusedValue(`${keyword} to be ${expected}`, value, at(keyword));
  };
  const list = (keyword: string) => {
    const values = read(keyword, "a list", Array.isArray);
    document.spend(values?.length ?? 0, at(keyword));
    return values;
  };
  const part = (keyword: string, step: string | number, value: unknown) =>
    toNode(document, value, { parent: at(keyword), step });
  return {
    path,
    has,
    at,
    list,
    raw: (keyword) => schema[keyword],
    isList: (keyword) => Array.isArray(schema[keyword]),
    count: (keyword) => read(keyword, "a whole number from 0 to 1,000,000,000", isCount),
    number: (keyword) => read(keyword, "a number", isNumber),
    text: (keyword) => read(keyword, "text", isText),
    flag: (keyword) => read(keyword, "true or false", isFlag),
    names: (keyword) => checkNames(keyword, list(keyword), at(keyword)),
    types: () => readTypes(schema.type, at("type")),
    schema: (keyword) => (has(keyword) ? document.node(schema[keyword], at(keyword)) : undefined),
    schemas(keyword) {
      const nodes = list(keyword)?.map((value, step) => part(keyword, step, value));
      if (nodes?.length === 0)
        throw refusedValue(`${keyword} to hold a schema`, schema[keyword], at(keyword));
      return nodes;
    },
    schemasByName(keyword) {
      const record = read(keyword, "an object of schemas", isRecord);
      if (record === undefined) return undefined;
      const entries = Object.entries(record);
      document.spend(entries.length, at(keyword));
      return new Map(entries.map(([step, value]) => [step, part(keyword, step, value)]));
    },
  };
}

// --- internal ---

function checkNames(
  keyword: string,
  names: readonly unknown[] | undefined,
  path: SchemaPath,
): readonly string[] | undefined {
  return names?.map((name) => {
    if (typeof name === "string") return name;
    throw refusedValue(`${keyword} to be a list of names`, name, path);
  });
}

function toNode(document: SchemaDocument, value: unknown, path: SchemaPath): SchemaNode {
  if (value !== false) return document.node(value, path);
  throw refusedValue("a schema that allows a value", value, path, "leave it out");
}

function readTypes(value: unknown, path: SchemaPath): readonly JsonKind[] | undefined {
  if (value === undefined) return undefined;
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  const kinds = kJsonKinds.filter((kind) => names.includes(kind));
  if (names.length > 0 && kinds.length === new Set(names).size) return kinds;
  throw refusedValue(`type to be of ${kJsonKinds.join(", ")}`, value, path);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= 1e9;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}
