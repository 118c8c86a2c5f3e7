// What the keywords of one schema object say by themselves, without those that combine schemas.
import type {
  Alternative,
  ArrayKind,
  ArrayLayer,
  JsonKind,
  NumberKind,
  ObjectKind,
  ObjectLayer,
  StringKind,
  StringTest,
} from "./alternatives.js";
import type { Automaton } from "./automaton.js";
import { formatPatterns, knownFormats, kUnjudgedFormats } from "./formats.js";
import type { KeywordReader } from "./keyword-values.js";
import { kEnforced } from "./keywords.js";
import { above, below } from "./number-bounds.js";
import { regexToAutomaton } from "./regex.js";
import type { SchemaNode } from "./schema-document.js";
import { refusedValue } from "./schema-refusal.js";

/** Automata of expressions, each built once. */
export type Patterns = (pattern: string, refuse: (why: string) => never) => Automaton;

/** The alternatives of the kinds that `type` allows; `enum` and `const` are left to the caller. */
export function localBounds(reader: KeywordReader, patterns: Patterns): readonly Alternative[] {
  const types = allowedTypes(reader);
  const all: Alternative[] = [];
  const literals = [...(types.has("null") ? [null] : []), ...(types.has("boolean") ? [true, false] : [])];
  if (literals.length > 0) all.push({ kind: "constants", values: literals });
  // Keywords of another kind than the value's say nothing of it.
  if (types.has("number") || types.has("integer")) all.push(readNumber(reader, !types.has("number")));
  if (types.has("string")) all.push(readString(reader, patterns));
  if (types.has("array")) all.push(readArray(reader));
  if (types.has("object")) all.push(readObject(reader, patterns));
  return all;
}

/** Whether a schema has a keyword of its own, beside those that combine schemas. */
export function saysLocally(reader: KeywordReader): boolean {
  return kLocal.some((keyword) => reader.has(keyword));
}

/** @param spend  is told what an expression costs */
export function createPatterns(spend: (states: number) => void): Patterns {
  const known = new Map<string, Automaton>();
  return (pattern, refuse) => {
    const automaton = known.get(pattern) ?? regexToAutomaton(pattern, refuse, spend);
    known.set(pattern, automaton);
    return automaton;
  };
}

// --- internal ---

const kCombining = ["$ref", "allOf", "anyOf", "oneOf", "unevaluatedProperties", "unevaluatedItems"];
const kLocal = [...kEnforced].filter((keyword) => !kCombining.includes(keyword));

function allowedTypes(reader: KeywordReader): ReadonlySet<JsonKind> {
  const types = reader.types();
  const isNullable = reader.flag("nullable") === true;
  const all: readonly JsonKind[] = types ?? ["null", "boolean", "number", "string", "array", "object"];
  return new Set(isNullable ? [...all, "null"] : all);
}

function readNumber(reader: KeywordReader, isInteger: boolean): NumberKind {
  const exclusive = (keyword: string, to: (bound: number) => number) => {
    const bound = reader.number(keyword);
    return bound === undefined ? null : to(bound);
  };
  const lows = [reader.number("minimum") ?? null, exclusive("exclusiveMinimum", above)];
  const highs = [reader.number("maximum") ?? null, exclusive("exclusiveMaximum", below)];
  const format = reader.text("format");
  if (format === "int32") {
    lows.push(-(2 ** 31));
    highs.push(2 ** 31 - 1);
  }
  const min = extreme(lows, Math.max);
  const max = extreme(highs, Math.min);
  if (min !== null && max !== null && min > max)
    throw refusedValue(
      "bounds that a number lies between",
      [min, max],
      reader.path,
      `${min} is above ${max}`,
    );
  const divisors = readDivisors(reader);
  const isWhole = isInteger || divisors.length > 0 || format === "int32" || format === "int64";
  return { kind: "number", isInteger: isWhole, min, max, divisors, path: reader.path };
}

function extreme(bounds: readonly (number | null)[], of: (...values: number[]) => number): number | null {
  const given = bounds.filter((bound) => bound !== null);
  return given.length === 0 ? null : of(...given);
}

function readDivisors(reader: KeywordReader): readonly number[] {
  const divisor = reader.number("multipleOf");
  if (divisor === undefined || divisor === 1) return divisor === undefined ? [] : [1];
  if (Number.isSafeInteger(divisor) && divisor > 0) return [divisor];
  throw refusedValue("multipleOf to be a whole number", divisor, reader.at("multipleOf"));
}

function readString(reader: KeywordReader, patterns: Patterns): StringKind {
  const { min, max } = readCounts(reader, "minLength", "maxLength");
  const tests: StringTest[] = [];
  const pattern = reader.text("pattern");
  if (pattern !== undefined) tests.push(patternTest(reader, "pattern", pattern, patterns));
  const format = reader.text("format");
  if (format !== undefined) tests.push(...formatTests(reader, format, patterns));
  for (const { automaton, key } of tests)
    if (automaton.length === 0)
      throw refusedValue("a pattern that some text matches", key, reader.at("pattern"));
  return { kind: "string", tests, min, max, path: reader.path };
}

function patternTest(
  reader: KeywordReader,
  keyword: string,
  pattern: string,
  patterns: Patterns,
): StringTest {
  const refuse = (why: string): never => {
    throw refusedValue(
      `${keyword} to be an expression that an automaton can follow (no ${why})`,
      pattern,
      reader.at(keyword),
    );
  };
  return { key: pattern, automaton: patterns(pattern, refuse) };
}

/** A format that is not known may stand beside a pattern, which says it. */
function formatTests(reader: KeywordReader, format: string, patterns: Patterns): StringTest[] {
  const expressions = formatPatterns(format);
  if (expressions !== undefined)
    return expressions.map((pattern) => patternTest(reader, "format", pattern, patterns));
  if (kUnjudgedFormats.has(format) || reader.has("pattern")) return [];
  const known = knownFormats().join(", ");
  throw refusedValue(`format to be one of ${known}`, format, reader.at("format"), "say it with pattern");
}

function readCounts(
  reader: KeywordReader,
  minimum: string,
  maximum: string,
): { readonly min: number; readonly max: number | null } {
  const min = reader.count(minimum) ?? 0;
  const max = reader.count(maximum) ?? null;
  if (max !== null && min > max)
    throw refusedValue(
      `${minimum} to be at most ${maximum}`,
      min,
      reader.at(minimum),
      `${maximum} is ${max}`,
    );
  return { min, max };
}

function readArray(reader: KeywordReader): ArrayKind {
  const counts = readCounts(reader, "minItems", "maxItems");
  const first = reader.has("prefixItems") ? "prefixItems" : reader.isList("items") ? "items" : undefined;
  if (first === "prefixItems" && reader.isList("items"))
    throw refusedValue("items to be a schema beside prefixItems", reader.list("items"), reader.at("items"));
  const rest = first === "items" ? reader.schema("additionalItems") : reader.schema("items");
  const layer: ArrayLayer = {
    first: first === undefined ? [] : (reader.schemas(first) ?? []),
    rest: rest ?? null,
  };
  return { kind: "array", layers: first === undefined && rest === undefined ? [] : [layer], ...counts };
}

function readObject(reader: KeywordReader, patterns: Patterns): ObjectKind {
  const counts = readCounts(reader, "minProperties", "maxProperties");
  const keywords = ["properties", "required", "patternProperties", "additionalProperties", "propertyNames"];
  const isBounded = keywords.some((keyword) => reader.has(keyword));
  const layers = isBounded ? [readLayer(reader, patterns)] : [];
  return { kind: "object", layers, ...counts, path: reader.path };
}

function readLayer(reader: KeywordReader, patterns: Patterns): ObjectLayer {
  const byPattern = [...(reader.schemasByName("patternProperties") ?? [])];
  return {
    properties: reader.schemasByName("properties") ?? new Map<string, SchemaNode>(),
    required: [...new Set(reader.names("required") ?? [])],
    patterns: byPattern.map(([pattern, node]) => ({
      test: patternTest(reader, "patternProperties", pattern, patterns),
      node,
    })),
    additional: reader.schema("additionalProperties") ?? null,
    names: reader.schema("propertyNames") ?? null,
  };
}
