// Filters that make numbers.
import { bind, integerArgument } from "./arguments.js";
import { calculate, roundFloat } from "./arithmetic.js";
import { type Filter, lookUpPath } from "./filter.js";
import { iterate, numberOf } from "./operators.js";
import { toText } from "./print.js";
import { stripText } from "./text.js";
import { Float, isText, TemplateError, toInteger, typeName, Undefined, type Value } from "./values.js";

const abs: Filter = (value) => {
  if (value instanceof Float) return new Float(Math.abs(value.value));
  const number = needNumber("abs", value);
  return typeof number === "bigint" ? toInteger(number < 0n ? -number : number) : Math.abs(number);
};

const int: Filter = (value, args, named) => {
  const [standard = 0, base = 10] = bind("int", ["default", "base"], 0, args, named);
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  if (isText(value)) {
    const text = toText(value);
    return readInteger(text, integerArgument("int", base)) ?? truncated(readFloat(text)) ?? standard;
  }
  if (value instanceof Float) return truncated(value.value) ?? standard;
  return numberOf(value) ?? standard;
};

const float: Filter = (value, args, named) => {
  const [standard = new Float(0)] = bind("float", ["default"], 0, args, named);
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  if (isText(value)) {
    const number = readFloat(toText(value));
    return number === undefined ? standard : new Float(number);
  }
  const number = numberOf(value);
  return number === undefined ? standard : new Float(Number(number));
};

const round: Filter = (value, args, named) => {
  const [precision = 0, method = "common"] = bind("round", ["precision", "method"], 0, args, named);
  const digits = integerArgument("round", precision);
  const number = needNumber("round", value);
  if (method === "ceil" || method === "floor") {
    const unit = 10 ** digits;
    return new Float((method === "ceil" ? Math.ceil : Math.floor)(Number(number) * unit) / unit);
  }
  if (method !== "common") throw new TemplateError("round: method must be common, ceil or floor");
  if (value instanceof Float) return new Float(roundFloat(value.value, digits));
  return digits >= 0 ? number : toInteger(BigInt(roundFloat(Number(number), digits)));
};

const sum: Filter = (value, args, named) => {
  const [attribute, start = 0] = bind("sum", ["attribute", "start"], 0, args, named);
  const look = lookUpPath(attribute);
  if (isText(start)) throw new TemplateError("sum() can't sum strings");
  let total: Value = start;
  for (const item of iterate(value)) total = calculate("+", total, look(item));
  return total;
};

export const numberFilters = { abs, float, int, round, sum } satisfies Readonly<Record<string, Filter>>;

// --- internal ---

function needNumber(who: string, value: Value): number | bigint {
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  const number = numberOf(value);
  if (number === undefined) throw new TemplateError(`bad operand type for ${who}(): '${typeName(value)}'`);
  return number;
}

function truncated(value: number | undefined): number | bigint | undefined {
  if (value === undefined || !Number.isFinite(value)) return undefined;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) ? whole + 0 : toInteger(BigInt(whole));
}

/** int(text, base): white space around it, a sign, underscores between digits. */
function readInteger(text: string, base: number): number | bigint | undefined {
  const [, sign = "", prefix = "", digits = ""] =
    /^([-+]?)(0[xob])?(_?[\da-z]+(?:_[\da-z]+)*)$/i.exec(stripText(text, "both")) ?? [];
  const kind = prefix.slice(1).toLowerCase();
  const bases = { x: 16, o: 8, b: 2 }[kind];
  const isPrefixed = bases !== undefined && (base === bases || base === 0);
  const bare = (isPrefixed ? digits : prefix + digits).replaceAll("_", "").toLowerCase();
  const radix = isPrefixed ? bases : base === 0 ? 10 : base;
  if (bare === "" || (!isPrefixed && digits.startsWith("_"))) return undefined;
  let value = 0n;
  for (const unit of bare) {
    const digit = Number.parseInt(unit, 36);
    if (!(digit < radix)) return undefined;
    value = value * BigInt(radix) + BigInt(digit);
  }
  return toInteger(sign === "-" ? -value : value);
}

/** float(text) */
function readFloat(text: string): number | undefined {
  const bare = stripText(text, "both");
  const [, sign = "", word] = /^([-+]?)(inf|infinity|nan)$/i.exec(bare) ?? [];
  if (word !== undefined) {
    if (word.toLowerCase() === "nan") return Number.NaN;
    return sign === "-" ? -Infinity : Infinity;
  }
  const isNumber = /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i.test(
    bare,
  );
  return isNumber ? Number(bare.replaceAll("_", "")) : undefined;
}
