// str() and repr() of Python.
import {
  Dict,
  Float,
  isList,
  type Key,
  Lazy,
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

/**
 * str(value): what `{{ }}`, `~`, `string` and `join` print.
 * @throws TemplateError for what Python prints with an address in memory
 */
export function toText(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return "";
  if (value instanceof Dict && value.ownText !== undefined) return value.ownText;
  return toRepr(value);
}

/** repr(value): how it is printed inside a list. @throws as toText */
export function toRepr(value: Value): string {
  if (value === null) return "None";
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return value ? "True" : "False";
    case "number":
    case "bigint":
      return String(value);
    default:
      return objectRepr(value);
  }
}

/** repr(float): the shortest digits that read back the same, an exponent of two digits below 1e-4 and from 1e16 on. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The text of a mapping as Python prints it. */
export function mappingText(map: ReadonlyMap<Key, Value>): string {
  return `{${[...map].map(([key, item]) => `${toRepr(key)}: ${toRepr(item)}`).join(", ")}}`;
}

// --- internal ---

type Item = Exclude<Value, string | number | bigint | boolean | null>;

function objectRepr(value: Item): string {
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`;
  if (value instanceof Undefined) return "Undefined";
  if (isList(value)) return listRepr(value);
  if (value instanceof Dict) return mappingText(value.map);
  if (value instanceof Structure) return value.print();
  if (value instanceof Range) {
    const { start, stop, step } = value;
    return `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
  }
  if (value instanceof View) return viewRepr(value);
  const remedy = value instanceof Lazy ? ", only gone through or made a list of with `list`" : "";
  throw new TemplateError(`a ${typeName(value)} cannot be printed${remedy}`);
}

function listRepr(items: List): string {
  const inner = items.map(toRepr).join(", ");
  if (!(items instanceof Tuple)) return `[${inner}]`;
  return items.length === 1 ? `(${inner},)` : `(${inner})`;
}

function viewRepr({ of, kind }: View): string {
  const pair = ([key, item]: [Key, Value]) => `(${toRepr(key)}, ${toRepr(item)})`;
  const items =
    kind === "items"
      ? [...of.map].map(pair)
      : [...(kind === "keys" ? of.map.keys() : of.map.values())].map(toRepr);
  return `dict_${kind}([${items.join(", ")}])`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(
    kUnprintable,
    (unit) => kEscapes.get(unit) ?? (unit === quote ? `\\${unit}` : escaped(unit)),
  );
  return quote + inner + quote;
}

// What str.isprintable says no to, and what is escaped besides.
const kUnprintable = /[\\'"]|(?! )[\p{C}\p{Z}]/gu;
const kEscapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function escaped(unit: string): string {
  if (unit === "'" || unit === '"') return unit;
  const code = unit.codePointAt(0) ?? 0;
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  if (code < 0x100) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}
