// printf-style formatting: the operator % of text, and the filter `format`.
import { numberOf } from "./operators.js";
import { toRepr, toText } from "./print.js";
import { countCharacters } from "./text.js";
import {
  Dict,
  Float,
  isList,
  isText,
  Markup,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

/**
 * @param values  a tuple of them, a mapping for `%(name)s`, or a single one
 * @throws TemplateError for too few or too many values, and for fields other than %s %r %d %i %u %f %F %e %E %g %G %x %X %o %c and %%
 */
export function formatPercent(format: string | Markup, values: Value): Value {
  if (format instanceof Markup) throw new TemplateError("% of text that was marked safe is not served");
  const list = values instanceof Tuple ? values : undefined;
  let next = 0;
  const take = (): Value => {
    const value = list === undefined ? (next === 0 ? values : undefined) : list[next];
    next++;
    if (value === undefined) throw new TemplateError("not enough arguments for format string");
    return value;
  };
  const text = format.replace(kField, (all, ...groups: string[]) => {
    const [name, flags = "", width = "", precision, type = ""] = groups;
    if (type === "%") return "%";
    if (!kTypes.has(type)) throw new TemplateError(`format ${JSON.stringify(all)} is not served`);
    const size = width === "*" ? numberOf(take()) : width;
    const digits = precision === undefined ? undefined : precision === "*" ? numberOf(take()) : precision;
    const value = name === undefined ? take() : named(values, name);
    return pad(
      convert(value, type, digits === undefined ? undefined : Number(digits), flags),
      Number(size),
      flags,
    );
  });
  // What has items by key is no value that is left over.
  const isKeyed = values instanceof Dict || values instanceof Undefined || isList(values);
  const isUsed = list === undefined ? next > 0 || isKeyed : next >= list.length;
  if (!isUsed) throw new TemplateError("not all arguments converted during string formatting");
  return text;
}

// --- internal ---

const kField = /%(?:\(([^)]*)\))?([-+ #0]*)(\d*|\*)(?:\.(\d*|\*))?[hlL]?(.|$)/gs;
const kTypes = new Set("srdiufFeEgGxXoc");

function named(values: Value, name: string): Value {
  const value = values instanceof Dict ? values.map.get(name) : undefined;
  if (value !== undefined) return value;
  throw new TemplateError(values instanceof Dict ? `no key '${name}'` : "format requires a mapping");
}

function pad(text: string, width: number, flags: string): string {
  const missing = width - countCharacters(text);
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || !/\d/.test(text)) return " ".repeat(missing) + text;
  const [sign = ""] = /^[-+ ]?/.exec(text) ?? [];
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function convert(value: Value, type: string, precision: number | undefined, flags: string): string {
  if (type === "s" || type === "r") {
    const text = type === "s" ? toText(value) : toRepr(value);
    return precision === undefined ? text : Array.from(text).slice(0, precision).join("");
  }
  if (type === "c" && isText(value)) return toText(value);
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  const number = numberOf(value);
  if (number === undefined) {
    throw new TemplateError(`%${type} format: a real number is required, not ${typeName(value)}`);
  }
  if (type === "c") return String.fromCodePoint(Number(number));
  const isNegative = number < 0;
  const digits = unsigned(isNegative ? -number : number, type, precision, value, flags);
  const sign = isNegative ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return sign + digits;
}

function unsigned(
  number: number | bigint,
  type: string,
  precision: number | undefined,
  value: Value,
  flags: string,
): string {
  if ("diu".includes(type))
    return String(typeof number === "number" ? Math.trunc(number) : number).padStart(precision ?? 0, "0");
  const radix = { x: 16, X: 16, o: 8 }[type];
  if (radix !== undefined) {
    if (value instanceof Float) throw new TemplateError(`%${type} format: an integer is required, not float`);
    const prefix = flags.includes("#") ? `0${type}` : "";
    const digits = number.toString(radix).padStart(precision ?? 0, "0");
    return prefix + (type === "X" ? digits.toUpperCase() : digits);
  }
  const text = realDigits(Number(number), type.toLowerCase(), precision ?? 6);
  return type === type.toUpperCase() ? text.toUpperCase() : text;
}

/** A real number that is not negative, as %f, %e and %g print it. */
export function realDigits(number: number, type: string, precision: number): string {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : "inf";
  if (type === "f") return fixed(number, precision);
  if (type === "e") return exponential(number, precision);
  const places = Math.max(1, precision);
  const power = number === 0 ? 0 : Number(number.toExponential(places - 1).split("e")[1]);
  if (power < -4 || power >= places) return exponential(number, places - 1).replace(/\.?0+e/, "e");
  const text = fixed(number, places - 1 - power);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function exponential(number: number, precision: number): string {
  const [digits = "", power = ""] = number.toExponential(precision).split("e");
  return `${digits}e${power.startsWith("-") ? "-" : "+"}${power.replace(/[-+]/, "").padStart(2, "0")}`;
}

// toFixed rounds halves up, where they are exact; Python to the even one.
function fixed(number: number, precision: number): string {
  const text =
    number < 1e21
      ? number.toFixed(precision)
      : BigInt(number).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  const scaled = number * 10 ** precision;
  const isHalf = scaled % 1 === 0.5 && Number.isInteger(number * 2 ** (precision + 1));
  if (!isHalf || Math.floor(scaled) % 2 === 1) return text;
  return (Math.floor(scaled) / 10 ** precision).toFixed(precision);
}
