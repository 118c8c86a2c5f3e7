// The filter `tojson` as transformers sets it up: Python's json.dumps with ensure_ascii=False.
import { floatText, toRepr } from "./print.js";
import { compareText } from "./text.js";
import { Dict, Float, isList, Markup, TemplateError, typeName, type Value } from "./values.js";

export interface JsonStyle {
  readonly indent?: number | string | null;
  readonly ensureAscii?: boolean;
  readonly separators?: readonly [item: string, key: string] | null;
  readonly sortKeys?: boolean;
}

/** @throws TemplateError for what json.dumps refuses: undefined values, generators, functions, keys of several kinds when sorted */
export function toJson(value: Value, style: JsonStyle = {}): string {
  const { indent, separators, ensureAscii = false, sortKeys = false } = style;
  const isFlat = indent === undefined || indent === null;
  const [comma, colon] = separators ?? [isFlat ? ", " : ",", ": "];
  const step = typeof indent === "string" ? indent : " ".repeat(indent ?? 0);
  const print = (value: Value, depth: number): string => {
    if (typeof value === "string") return quoted(value, ensureAscii);
    if (isList(value)) {
      const items = value.map((item) => print(item, depth + 1));
      return wrapped("[", items, "]", depth);
    }
    if (!(value instanceof Dict)) return scalar(value, ensureAscii);
    const entries = [...value.map];
    if (sortKeys) entries.sort(([a], [b]) => byKey(a, b));
    const items = entries.map(([key, item]) => {
      const name = typeof key === "string" ? key : scalar(key, ensureAscii);
      return quoted(name, ensureAscii) + colon + print(item, depth + 1);
    });
    return wrapped("{", items, "}", depth);
  };
  const wrapped = (open: string, items: readonly string[], close: string, depth: number): string => {
    if (items.length === 0 || isFlat) return open + items.join(comma) + close;
    const line = (by: number) => `\n${step.repeat(by)}`;
    return `${open}${line(depth + 1)}${items.join(comma + line(depth + 1))}${line(depth)}${close}`;
  };
  return print(value, 0);
}

// --- internal ---

function scalar(value: Exclude<Value, string | Dict>, ensureAscii: boolean): string {
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "bigint")
    return String(value);
  if (value instanceof Markup) return quoted(value.text, ensureAscii);
  if (value instanceof Float) {
    if (Number.isFinite(value.value)) return floatText(value.value);
    return Number.isNaN(value.value) ? "NaN" : value.value > 0 ? "Infinity" : "-Infinity";
  }
  throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

// Python escapes the same as JSON.stringify, but leaves the delete character and, unless told, lone surrogates.
function quoted(text: string, ensureAscii: boolean): string {
  const json = kSurrogate.test(text) ? quotedWithSurrogates(text) : JSON.stringify(text);
  return ensureAscii ? json.replace(/[^ -~]/g, asciiEscape) : json;
}

const kSurrogate = /[\ud800-\udfff]/;

function quotedWithSurrogates(text: string): string {
  return JSON.stringify(text).replace(/(\\+)u(d[89a-f][0-9a-f]{2})/g, (all, slashes: string, hex: string) =>
    slashes.length % 2 === 1 ? slashes.slice(1) + String.fromCharCode(Number.parseInt(hex, 16)) : all,
  );
}

function asciiEscape(unit: string): string {
  return unit === "\x7f" ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function byKey(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (typeof a === "number" && typeof b === "number") return a - b;
  throw new TemplateError(
    `keys of several kinds cannot be sorted: ${toRepr(String(a))}, ${toRepr(String(b))}`,
  );
}
