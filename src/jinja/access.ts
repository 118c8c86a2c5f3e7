// a.b, a["b"] and a[1:2], as the immutable sandbox of jinja2 answers them: an attribute before an item after a dot, an item before an attribute in
// brackets, and nothing that would change a value.
import { bind } from "./arguments.js";
import { formatBraces } from "./format-braces.js";
import { isEqual, isHashable, listOf, lookUp, numberOf } from "./operators.js";
import { toRepr } from "./print.js";
import { characters } from "./text.js";
import { textMethod } from "./text-methods.js";
import {
  Callable,
  Dict,
  Float,
  Group,
  isList,
  isText,
  type List,
  Markup,
  Range,
  Structure,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.js";

/** value.name */
export function attributeOf(value: Value, name: string): Value {
  const own = ownAttribute(value, name);
  const found = own === undefined && value instanceof Dict ? value.map.get(name) : own;
  return found === undefined ? absent(value, name) : found;
}

/** value[key] */
export function itemOf(value: Value, key: Value): Value {
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  const found = elementOf(value, key);
  if (found !== undefined) return found;
  const own = typeof key === "string" ? ownAttribute(value, key) : undefined;
  return own === undefined ? absent(value, key) : own;
}

/** A value's attribute, and nothing that it holds: what the filter `attr` looks for. */
export function ownAttribute(value: Value, name: string): Value | undefined {
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  if (value instanceof Dict) return methodOfDict(value, name);
  if (value instanceof Structure) return value.attribute(name);
  if (isText(value))
    return (name === "format" ? formatMethod(value) : textMethod(value, name)) ?? unsafe(value, name);
  if (isList(value)) return attributeOfList(value, name);
  if (numberOf(value) !== undefined && kNumberAttributes.has(name)) {
    throw new TemplateError(`the attribute '${name}' of numbers is not served`);
  }
  return unsafe(value, name);
}

/** value[start:stop:step] of text, lists, tuples and ranges. */
export function sliceOf(value: Value, parts: readonly (Value | undefined)[]): Value {
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  const [start, stop, step = 1] = parts.map((part) =>
    part === undefined || part === null ? undefined : index(part),
  );
  if (isList(value)) {
    const items = cut(value, start, stop, step);
    return value instanceof Tuple ? Tuple.of(...items) : items;
  }
  if (value instanceof Markup) return new Markup(cut(characters(value.text), start, stop, step).join(""));
  if (typeof value === "string") return cut(characters(value), start, stop, step).join("");
  if (value instanceof Range)
    throw new TemplateError("a slice of a range is not served; make a list of it first");
  throw new TemplateError(`'${typeName(value)}' object cannot be sliced`);
}

// --- internal ---

const kNumberAttributes = new Set([
  "real",
  "imag",
  "numerator",
  "denominator",
  "conjugate",
  "bit_length",
  "is_integer",
  "hex",
]);

function index(part: Value): number {
  const number = part instanceof Float ? undefined : numberOf(part);
  if (number !== undefined) return Number(number);
  throw new TemplateError("slice indices must be integers or None");
}

function cut<T>(items: readonly T[], start: number | undefined, stop: number | undefined, step: number): T[] {
  if (step === 0) throw new TemplateError("slice step cannot be zero");
  const { length } = items;
  const place = (at: number, least: number, most: number) =>
    Math.min(Math.max(at < 0 ? at + length : at, least), most);
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const from = start === undefined ? (step > 0 ? 0 : length - 1) : place(start, least, most);
  const to = stop === undefined ? (step > 0 ? length : -1) : place(stop, least, most);
  if (step === 1) return items.slice(from, to);
  const out: T[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) {
    const item = items[i];
    if (item !== undefined) out.push(item);
  }
  return out;
}

function elementOf(value: Value, key: Value): Value | undefined {
  if (value instanceof Dict) return isHashable(key) ? lookUp(value, key) : undefined;
  if (value instanceof Structure) return undefined;
  const number = key instanceof Float ? undefined : numberOf(key);
  if (number === undefined) return undefined;
  const at = Number(number);
  if (isList(value)) return value[at < 0 ? at + value.length : at];
  if (value instanceof Range) {
    const place = at < 0 ? at + value.length : at;
    return place >= 0 && place < value.length ? value.start + place * value.step : undefined;
  }
  if (!isText(value)) return undefined;
  const units = characters(typeof value === "string" ? value : value.text);
  const unit = units[at < 0 ? at + units.length : at];
  return unit === undefined || typeof value === "string" ? unit : new Markup(unit);
}

function formatMethod(text: string | Markup): Callable {
  if (text instanceof Markup)
    throw new TemplateError("str.format of text that was marked safe is not served");
  const lookup = { attribute: attributeOf, item: itemOf };
  return new Callable((args, named) => formatBraces(text, args, named, lookup));
}

function absent(value: Value, name: Value): Undefined {
  const type = value === null ? "None" : typeName(value);
  const what = typeof name === "string" ? `attribute ${toRepr(name)}` : `element ${describe(name)}`;
  return new Undefined(`'${type} object' has no ${what}`);
}

function describe(name: Value): string {
  return typeof name === "number" ? String(name) : `of type ${typeName(name)}`;
}

// Python's own names, which the sandbox hides: they read as undefined.
function unsafe(value: Value, name: string): Undefined | undefined {
  if (!name.startsWith("__")) return undefined;
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
}

const kDictMethods: Readonly<Record<string, (dict: Dict) => Callable>> = {
  get: (dict) =>
    new Callable((args, named) => {
      const [key = null, other = null] = bind("get", ["key", "default"], 1, args, named);
      const found = lookUp(dict, key);
      return found === undefined ? other : found;
    }),
  items: (dict) => viewMethod(dict, "items"),
  keys: (dict) => viewMethod(dict, "keys"),
  values: (dict) => viewMethod(dict, "values"),
  copy: (dict) => new Callable(() => new Dict(new Map(dict.map))),
  fromkeys: () =>
    new Callable((args, named) => {
      const [keys = null, item = null] = bind("fromkeys", ["iterable", "value"], 1, args, named);
      return new Dict(new Map(listOf(keys).map((key) => [String(key), item])));
    }),
};

function viewMethod(dict: Dict, kind: View["kind"]): Callable {
  return new Callable((args, named) => {
    bind(kind, [], 0, args, named);
    return new View(dict, kind);
  });
}

const kDictChanges = new Set(["clear", "pop", "popitem", "setdefault", "update"]);
const kListChanges = new Set(["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"]);

function methodOfDict(dict: Dict, name: string): Value | undefined {
  if (Object.hasOwn(kDictMethods, name)) return kDictMethods[name]?.(dict);
  return kDictChanges.has(name) ? changing(dict, name) : undefined;
}

function attributeOfList(list: List, name: string): Value | undefined {
  if (name === "count" || name === "index") {
    return new Callable((args, named) => {
      const [item = null] = bind(name, ["value"], 1, args, named);
      if (name === "count") return list.filter((each) => isEqual(each, item)).length;
      const place = list.findIndex((each) => isEqual(each, item));
      if (place < 0) throw new TemplateError("the value is not in the list");
      return place;
    });
  }
  if (list instanceof Group && name === "grouper") return list[0];
  if (list instanceof Group && name === "list") return list[1];
  if (list instanceof Tuple) return unsafe(list, name);
  if (name === "copy") return new Callable(() => Array.from(list));
  return kListChanges.has(name) ? changing(list, name) : unsafe(list, name);
}

function changing(value: Value, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
}
