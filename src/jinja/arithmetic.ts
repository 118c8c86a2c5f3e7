// Python's arithmetic: integers of any size, floats, truth values as 0 and 1; + and * of text and lists; % of text.
import { escapeHtml } from "./escape-html.js";
import { formatPercent } from "./format-percent.js";
import { isTrue, numberOf } from "./operators.js";
import { toText } from "./print.js";
import {
  Dict,
  Float,
  isList,
  isText,
  type List,
  Markup,
  TemplateError,
  Tuple,
  toInteger,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** @throws TemplateError for what Python refuses */
export function calculate(operator: ArithmeticOperator, a: Value, b: Value): Value {
  if (typeof a === "number" && typeof b === "number") return ofIntegers(operator, a, b);
  if (operator === "+") {
    const joined = add(a, b);
    if (joined !== undefined) return joined;
  }
  if (a instanceof Undefined) throw new TemplateError(a.hint);
  if (operator === "%" && isText(a)) return formatPercent(a, b);
  if (b instanceof Undefined) throw new TemplateError(b.hint);
  if (operator === "*") {
    const repeated = repeat(a, b) ?? repeat(b, a);
    if (repeated !== undefined) return repeated;
  }
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x === undefined || y === undefined) throw unsupported(operator, a, b);
  if (a instanceof Float || b instanceof Float) return ofFloats(operator, Number(x), Number(y));
  return ofIntegers(operator, x, y);
}

/** -a and +a @throws TemplateError for what is no number */
export function signed(sign: "-" | "+", value: Value): Value {
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  if (value instanceof Float) return sign === "-" ? new Float(-value.value) : value;
  const number = numberOf(value);
  if (number === undefined) {
    throw new TemplateError(`bad operand type for unary ${sign}: '${typeName(value)}'`);
  }
  if (sign === "+") return number;
  return typeof number === "bigint" ? toInteger(-number) : 0 - number;
}

/** round(value, digits) of a float: to the nearest, of two as near ones to the even one. */
export function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  if (digits > 22) return value;
  if (digits < 0) {
    const unit = 10 ** -digits;
    return halfEven(value / unit) * unit;
  }
  if (digits === 0) return halfEven(value);
  // toFixed rounds the exact binary value, as Python does; only exact halves differ, which it rounds up.
  const scaled = value * 10 ** digits;
  const isHalf = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** (digits + 1));
  return isHalf ? halfEven(scaled) / 10 ** digits : Number(value.toFixed(digits));
}

// --- internal ---

function halfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function unsupported(operator: string, a: Value, b: Value): TemplateError {
  const types = `'${typeName(a)}' and '${typeName(b)}'`;
  return new TemplateError(`unsupported operand type(s) for ${operator}: ${types}`);
}

// Text, lists; JSON text that is a mapping joins to text as that text. Undefined where it is none of these.
function add(a: Value, b: Value): Value | undefined {
  if (typeof a === "string" && typeof b === "string") return a + b;
  if (a instanceof Markup || b instanceof Markup) {
    if (isText(a) && isText(b)) return new Markup(escapeHtml(a).text + escapeHtml(b).text);
    return undefined;
  }
  if (typeof a === "string" && isOwnText(b)) return a + b.ownText;
  if (isOwnText(a) && (typeof b === "string" || isOwnText(b))) return a.ownText + toText(b);
  if (isList(a) && isList(b) && a instanceof Tuple === b instanceof Tuple) return joined(a, b);
  return undefined;
}

function isOwnText(value: Value): value is Dict & { readonly ownText: string } {
  return value instanceof Dict && value.ownText !== undefined;
}

function joined(...lists: readonly List[]): List {
  const items = lists.flatMap((list) => Array.from(list));
  return lists[0] instanceof Tuple ? Tuple.of(...items) : items;
}

const kMostRepeated = 10_000_000;

function repeat(what: Value, times: Value): Value | undefined {
  if (typeof times !== "number" && typeof times !== "boolean") return undefined;
  const count = Math.max(0, Number(times));
  const check = (length: number) => {
    if (length * count > kMostRepeated) throw new TemplateError(`${count} repetitions are too many`);
  };
  if (isText(what)) {
    const text = toText(what);
    check(text.length);
    return typeof what === "string" ? text.repeat(count) : new Markup(text.repeat(count));
  }
  if (!isList(what)) return undefined;
  check(what.length);
  const items = Array.from({ length: count }, () => Array.from(what)).flat();
  return what instanceof Tuple ? Tuple.of(...items) : items;
}

function ofFloats(operator: ArithmeticOperator, a: number, b: number): Float {
  if (operator !== "+" && operator !== "-" && operator !== "*" && operator !== "**")
    checkDivisor(b, "float ");
  switch (operator) {
    case "+":
      return new Float(a + b);
    case "-":
      return new Float(a - b);
    case "*":
      return new Float(a * b);
    case "/":
      return new Float(a / b);
    case "//":
      return new Float((a - modulo(a, b)) / b);
    case "%":
      return new Float(modulo(a, b));
    default:
      return new Float(power(a, b));
  }
}

// The result has the divisor's sign.
function modulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 === b < 0 ? rest : rest + b;
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw new TemplateError("0.0 cannot be raised to a negative power");
  const result = a ** b;
  if (Number.isNaN(result) && !Number.isNaN(a) && !Number.isNaN(b)) {
    throw new TemplateError("complex numbers are not served");
  }
  return result;
}

function checkDivisor(b: number | bigint, kind: string): void {
  if (!isTrue(b)) throw new TemplateError(`${kind}division by zero`);
}

function ofIntegers(operator: ArithmeticOperator, a: number | bigint, b: number | bigint): Value {
  if (operator === "/") {
    checkDivisor(b, "");
    return new Float(Number(a) / Number(b));
  }
  if (operator === "**" && b < 0) return new Float(power(Number(a), Number(b)));
  if (operator === "//" || operator === "%") checkDivisor(b, "integer ");
  if (typeof a === "number" && typeof b === "number") {
    const small = ofSmall(operator, a, b);
    if (Number.isSafeInteger(small)) return small === 0 ? 0 : small;
  }
  if (operator === "**" && b > 100_000) throw new TemplateError(`a power of ${b} is too large`);
  return toInteger(ofBig(operator, BigInt(a), BigInt(b)));
}

function ofSmall(operator: ArithmeticOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "//":
      return Math.floor(a / b);
    case "%":
      return modulo(a, b);
    default:
      return a ** b;
  }
}

function ofBig(operator: ArithmeticOperator, a: bigint, b: bigint): bigint {
  const isBelow = () => a % b !== 0n && a < 0n !== b < 0n;
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "//":
      return a / b - (isBelow() ? 1n : 0n);
    case "%":
      return (a % b) + (isBelow() ? b : 0n);
    default:
      return a ** b;
  }
}
