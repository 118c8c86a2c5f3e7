// str.format as the sandbox serves it: fields by place and by name, their attributes and items, !r and !s, and the common format specifications.
import { realDigits } from "./format-percent.js";
import { numberOf } from "./operators.js";
import { toRepr, toText } from "./print.js";
import { countCharacters } from "./text.js";
import { Float, type Named, TemplateError, Undefined, type Value } from "./values.js";

/** How the attributes and items of a field are looked up. */
export interface Lookup {
  attribute(value: Value, name: string): Value;
  item(value: Value, key: Value): Value;
}

/** @throws TemplateError for fields without a value, and for specifications that are not served */
export function formatBraces(format: string, args: readonly Value[], named: Named, lookup: Lookup): string {
  let next = 0;
  return format.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (all, field: string | undefined) => {
    if (all === "{{" || all === "}}") return all.charAt(0);
    const parts = field === undefined ? null : kField.exec(field);
    if (parts === null) throw new TemplateError(`str.format: the field ${JSON.stringify(all)} is not served`);
    const [, first = "", path = "", conversion, spec = ""] = parts;
    const key = first === "" ? next++ : /^\d+$/.test(first) ? Number(first) : first;
    const base = typeof key === "number" ? args[key] : named.get(key);
    if (base === undefined) throw new TemplateError(`str.format: no argument ${key}`);
    const value = follow(base, path, lookup);
    if (conversion === "!r") return specified(toRepr(value), spec);
    return specified(conversion === "!s" ? toText(value) : value, spec);
  });
}

// --- internal ---

const kField = /^([^.[\]!:]*)((?:\.[^.[\]!:]+|\[[^\]]+\])*)(![rs])?(?::(.*))?$/s;

function follow(value: Value, path: string, lookup: Lookup): Value {
  let at = value;
  for (const [, name, index = ""] of path.matchAll(/\.([^.[]+)|\[([^\]]+)\]/g)) {
    at =
      name === undefined
        ? lookup.item(at, /^\d+$/.test(index) ? Number(index) : index)
        : lookup.attribute(at, name);
  }
  return at;
}

const kSpec = /^(?:(.)?([<>^]))?([-+ ]?)(0?)(\d*)(,?)(?:\.(\d+))?([sdfFeEgGxXob%]?)$/su;

function specified(value: Value, spec: string): string {
  if (spec === "") return toText(value);
  const parts = kSpec.exec(spec);
  const isServed =
    parts !== null && !(value instanceof Undefined) && (typeof value !== "object" || value instanceof Float);
  if (!isServed)
    throw new TemplateError(`str.format: the specification ${JSON.stringify(spec)} is not served`);
  const [, fill, align, sign = "", zero, width = "", comma, precision, type = ""] = parts;
  const number = typeof value === "boolean" && type === "" ? undefined : numberOf(value);
  const digits = precision === undefined ? undefined : Number(precision);
  const text =
    number === undefined
      ? cut(toText(value), digits)
      : signedDigits(number, value, { type, sign, comma: comma !== "", digits });
  const missing = Number(width) - countCharacters(text);
  if (missing <= 0) return text;
  if (zero !== "" && align === undefined && number !== undefined) {
    const [mark = ""] = /^[-+ ]?/.exec(text) ?? [];
    return mark + "0".repeat(missing) + text.slice(mark.length);
  }
  const side = align ?? (number === undefined ? "<" : ">");
  const left = side === "<" ? 0 : side === ">" ? missing : Math.floor(missing / 2);
  return (fill ?? " ").repeat(left) + text + (fill ?? " ").repeat(missing - left);
}

function cut(text: string, digits: number | undefined): string {
  return digits === undefined ? text : Array.from(text).slice(0, digits).join("");
}

interface NumberStyle {
  readonly type: string;
  readonly sign: string;
  readonly comma: boolean;
  readonly digits: number | undefined;
}

function signedDigits(
  number: number | bigint,
  value: Value,
  { type, sign, comma, digits }: NumberStyle,
): string {
  const isNegative = number < 0;
  const size = isNegative ? -number : number;
  const mark = isNegative ? "-" : sign === "-" ? "" : sign;
  const text = unsignedDigits(size, value, type, digits);
  if (!comma) return mark + text;
  const [whole = "", rest] = text.split(".");
  return `${mark}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${rest === undefined ? "" : `.${rest}`}`;
}

function unsignedDigits(
  size: number | bigint,
  value: Value,
  type: string,
  digits: number | undefined,
): string {
  const radix = { x: 16, X: 16, o: 8, b: 2 }[type];
  if (radix !== undefined && !(value instanceof Float)) {
    const text = size.toString(radix);
    return type === "X" ? text.toUpperCase() : text;
  }
  if (type === "%") return `${realDigits(Number(size) * 100, "f", digits ?? 6)}%`;
  if (type === "" && digits === undefined)
    return value instanceof Float ? toText(new Float(Number(size))) : String(size);
  if (type === "d" && !(value instanceof Float)) return String(size);
  if (type !== "" && "fFeEgG".includes(type)) {
    const text = realDigits(Number(size), type.toLowerCase(), digits ?? 6);
    return type === type.toUpperCase() ? text.toUpperCase() : text;
  }
  throw new TemplateError(`str.format: the type ${JSON.stringify(type)} is not served for this value`);
}
