// What a template computes with: Python's values. Text, truth values, None (null), integers (numbers, or bigints beyond 2^53) and lists are
// JavaScript's own; what JavaScript has no like of is a class here.
import type { JsonNode } from "../base/json-text.js";

export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Float
  | Markup
  | Undefined
  | List
  | Dict
  | Range
  | View
  | Lazy
  | Callable
  | Structure;

/** A list, or (of the class Tuple) a tuple. */
export type List = readonly Value[];

/** Arguments by name. */
export type Named = ReadonlyMap<string, Value>;

/** What a template cannot do: Python would throw, or it is not served. */
export class TemplateError extends Error {}

/** A float, whole or not: 1.0 is not 1. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** Text that `safe` or `escape` marked. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A name or an attribute that is not there: prints as nothing, is empty and false; all else is an error. */
export class Undefined {
  readonly hint: string;
  constructor(hint: string) {
    this.hint = hint;
  }
}

/** Made with `Tuple.of(...)`: `new Tuple(n)` would take a single number for a length. */
export class Tuple extends Array<Value> {}

/** What `groupby` gives: the tuple of the attribute's value (`grouper`) and the items that have it (`list`). */
export class Group extends Tuple {}

export type Key = string | number | bigint | boolean | null;

export class Dict {
  readonly map: Map<Key, Value>;
  /** JSON that it was read from: what is printed, or joined to text, in its place. */
  readonly ownText: string | undefined;
  constructor(map: Map<Key, Value> = new Map(), ownText?: string) {
    this.map = map;
    this.ownText = ownText;
  }
}

export class Range {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly length: number;
  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }
}

/** dict.keys(), values() and items(). */
export class View {
  readonly of: Dict;
  readonly kind: "keys" | "values" | "items";
  constructor(of: Dict, kind: View["kind"]) {
    this.of = of;
    this.kind = kind;
  }
}

/** What filters such as `map` and `select` give: true, of no length, and empty once it was gone through. */
export class Lazy {
  readonly items: Iterator<Value>;
  constructor(items: Iterator<Value>) {
    this.items = items;
  }
}

export class Callable {
  readonly run: (args: readonly Value[], named: Named) => Value;
  constructor(run: Callable["run"]) {
    this.run = run;
  }
}

/** A thing with attributes: loops, macros, namespaces. */
export abstract class Structure {
  /** As Python names its type. */
  abstract readonly kind: string;
  /** Undefined for what it has not. */
  abstract attribute(name: string): Value | undefined;
  /** What calling it gives. */
  call(_args: readonly Value[], _named: Named): Value {
    throw new TemplateError(`'${this.kind}' object is not callable`);
  }
  /** As it is printed. */
  print(): string {
    throw new TemplateError(`a ${this.kind} cannot be printed`);
  }
}

/** JSON as it is spelled: a value whose numbers keep their kind and size, and which prints, and joins to text, as its own text. */
export class SpelledJson {
  readonly node: JsonNode;
  readonly text: string | undefined;
  constructor(node: JsonNode, text?: string) {
    this.node = node;
    this.text = text;
  }
}

/** Data to a value. What is undefined is left out of objects, as JSON does; a function becomes one of data. */
export function toValue(data: unknown): Value {
  switch (typeof data) {
    case "string":
    case "boolean":
      return data;
    case "number":
      return Number.isSafeInteger(data) ? data : new Float(data);
    case "bigint":
      return toInteger(data);
    case "function":
      return new Callable((args) => toValue(data(...args.map(toData))));
    case "object":
      return data === null ? null : objectToValue(data);
    default:
      return new Undefined("the value is undefined");
  }
}

/** An integer of any size. */
export function toInteger(value: bigint): number | bigint {
  const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return isSafe ? Number(value) : value;
}

export function isText(value: Value): value is string | Markup {
  return typeof value === "string" || value instanceof Markup;
}

export function isList(value: Value): value is List {
  return Array.isArray(value);
}

/** Python's name of a value's type, for errors. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Tuple) return "tuple";
  if (isList(value)) return "list";
  if (value instanceof Structure) return value.kind;
  const name = kTypeNames.get(value.constructor);
  return name ?? (value instanceof View ? `dict_${value.kind}` : "object");
}

// --- internal ---

const kTypeNames: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Float, "float"],
  [Markup, "Markup"],
  [Undefined, "Undefined"],
  [Dict, "dict"],
  [Range, "range"],
  [Lazy, "generator"],
  [Callable, "function"],
]);

function objectToValue(data: object): Value {
  if (Array.isArray(data)) return data.map(toValue);
  if (data instanceof SpelledJson) return nodeToValue(data.node, data.text);
  const map = new Map<Key, Value>();
  for (const [name, value] of Object.entries(data)) if (value !== undefined) map.set(name, toValue(value));
  return new Dict(map);
}

function nodeToValue(node: JsonNode, text?: string): Value {
  switch (node.type) {
    case "object":
      return new Dict(new Map([...node.fields].map(([key, field]) => [key, nodeToValue(field)])), text);
    case "array":
      return node.items.map((item) => nodeToValue(item));
    case "number":
      return /[.eE]/.test(node.spelling)
        ? new Float(Number(node.spelling))
        : toInteger(BigInt(node.spelling));
    default:
      return node.value;
  }
}

/** What a function of data is given. */
function toData(value: Value): unknown {
  if (value instanceof Float) return value.value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return undefined;
  if (isList(value)) return value.map(toData);
  if (value instanceof Dict) {
    return Object.fromEntries([...value.map].map(([key, item]) => [String(key), toData(item)]));
  }
  return value;
}
