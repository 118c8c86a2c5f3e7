// Values inside @huggingface/jinja, made from data and printed as JSON, both as Python does it: 1.0 stays 1.0, integers
// have any size, keys keep their order, and separators are ", " and ": ".
import { Environment } from "@huggingface/jinja";
import type { JsonNode } from "../base/json-text.js";

/** JSON that reaches a template as it is spelled. Inside variables it stands for the value. */
export class SpelledJson {
  readonly node: JsonNode;
  constructor(node: JsonNode) {
    this.node = node;
  }
}

/** The library's type declarations do not resolve under `nodenext`; this is the part of a value that is used. */
export interface JinjaValue {
  /** "NullValue" and "UndefinedValue" both have undefined for value. */
  readonly type: string;
  readonly value: unknown;
}

export type JinjaFunction = (args: readonly JinjaValue[], scope: JinjaScope) => JinjaValue;

export interface JinjaScope {
  readonly variables: Map<string, JinjaValue>;
}

/**
 * Data to a template's value. What is undefined is left out of objects, as JSON does. The library converts a scalar only by setting it in an
 * environment, and making one costs more than rendering a message: one serves the whole value, each scalar under a name of its own.
 */
export function toJinja(data: unknown, scope: Environment = new Environment()): JinjaValue {
  if (data instanceof SpelledJson) return nodeToJinja(data.node);
  if (Array.isArray(data)) return new JinjaArray(data.map((item) => toJinja(item, scope)));
  if (typeof data === "object" && data !== null) {
    const entries = Object.entries(data).filter(([, value]) => value !== undefined);
    return new JinjaObject(new Map(entries.map(([key, value]) => [key, toJinja(value, scope)])));
  }
  return scope.set(`value ${scope.variables.size}`, data);
}

export function toJinjaFunction(run: JinjaFunction): JinjaValue {
  return new JinjaCallable(run);
}

export interface JsonStyle {
  readonly indent?: number | null;
  readonly ensure_ascii?: boolean;
  readonly separators?: readonly [item: string, key: string] | null;
  readonly sort_keys?: boolean;
}

/**
 * The text of Python's json.dumps(value, ensure_ascii=False), or with what the style says.
 * @throws Error for functions and the like
 */
export function toPythonJson(value: JinjaValue, style: JsonStyle = {}): string {
  const { indent, separators, ensure_ascii, sort_keys } = style;
  const [comma, colon] = separators ?? [indent == null ? ", " : ",", ": "];
  const quote = (text: string) =>
    ensure_ascii ? escapeNonAscii(JSON.stringify(text)) : JSON.stringify(text);
  const wrap = (open: string, items: readonly string[], close: string, depth: number): string => {
    if (items.length === 0 || indent == null) return open + items.join(comma) + close;
    const line = (by: number) => `\n${" ".repeat(indent * by)}`;
    return `${open}${line(depth + 1)}${items.join(comma + line(depth + 1))}${line(depth)}${close}`;
  };
  const print = (value: JinjaValue, depth: number): string => {
    const inner = value.value;
    if (typeof inner === "string") return quote(inner);
    if (typeof inner === "number") return value.type === "FloatValue" ? toPythonFloat(inner) : String(inner);
    if (Array.isArray(inner)) {
      const items = inner.map((item) => print(item, depth + 1));
      return wrap("[", items, "]", depth);
    }
    if (inner instanceof Map) {
      const entries: [string, JinjaValue][] = [...inner];
      if (sort_keys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
      const items = entries.map(([key, item]) => quote(key) + colon + print(item, depth + 1));
      return wrap("{", items, "}", depth);
    }
    if (typeof inner === "function") throw new Error("tojson: expected data, got a function");
    return inner == null ? "null" : String(inner);
  };
  return print(value, 0);
}

/** What Python's str() makes of a value; lists and mappings are printed as JSON. Undefined is no text. */
export function toPythonText(value: JinjaValue): string {
  const inner = value.value;
  if (typeof inner === "string") return inner;
  if (value.type === "UndefinedValue") return "";
  if (value.type === "NullValue") return "None";
  if (typeof inner === "boolean") return inner ? "True" : "False";
  return toPythonJson(value);
}

/** Python's ==: by value, numbers and truth values among each other, and never text with numbers. */
export function equalInPython(left: JinjaValue, right: JinjaValue): boolean {
  const [a, b] = [left.value, right.value];
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => equalInPython(item, b[i]));
  }
  if (a instanceof Map && b instanceof Map) {
    const hasEqual = ([key, item]: [unknown, JinjaValue]) => b.has(key) && equalInPython(item, b.get(key));
    return a.size === b.size && [...a].every(hasEqual);
  }
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b);
  return a === b && left.type === right.type;
}

// --- internal ---

function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
}

// The constructors of the library's values, which it does not export.
type Constructor = new (value: unknown) => JinjaValue;
const constructorOf = (data: unknown): Constructor => new Environment().set("value", data).constructor;
const JinjaArray = constructorOf([]);
const JinjaObject = constructorOf({});
const JinjaInteger = constructorOf(1);
const JinjaFloat = constructorOf(0.5);
const JinjaCallable = constructorOf(() => null);

function nodeToJinja(node: JsonNode): JinjaValue {
  switch (node.type) {
    case "object":
      return new JinjaObject(new Map([...node.fields].map(([key, field]) => [key, nodeToJinja(field)])));
    case "array":
      return new JinjaArray(node.items.map(nodeToJinja));
    case "number":
      return numberToJinja(node.spelling);
    default:
      return toJinja(node.value);
  }
}

function numberToJinja(spelling: string): JinjaValue {
  if (/[.eE]/.test(spelling)) return new JinjaFloat(Number(spelling));
  const value = BigInt(spelling);
  const isSafe = BigInt.asIntN(53, value) === value;
  return new JinjaInteger(isSafe ? Number(value) : value);
}

// repr(float): the shortest digits that read back the same, an exponent of two digits below 1e-4 and from 1e16 on.
// Infinity and NaN come out as json.dumps has them.
function toPythonFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function escapeNonAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
