// Tests: what stands behind `is`.
import { bind } from "./arguments.js";
import { calculate } from "./arithmetic.js";
import type { Test } from "./filter.js";
import { compare, isEqual, isIn, iterate, lengthOf } from "./operators.js";
import { toText } from "./print.js";
import { isCased, lowerCase, upperCase } from "./text-case.js";
import {
  Callable,
  Dict,
  Float,
  isText,
  Lazy,
  Markup,
  Structure,
  TemplateError,
  Undefined,
  type Value,
  View,
} from "./values.js";

const isInteger = (value: Value) => typeof value === "number" || typeof value === "bigint";

const divides =
  (name: string, by: number | undefined, rest: number): Test =>
  (value, args, named) => {
    const [divisor = by ?? null] = bind(
      name,
      by === undefined ? ["num"] : [],
      by === undefined ? 1 : 0,
      args,
      named,
    );
    return isEqual(calculate("%", value, divisor), rest);
  };

const binary =
  (name: string, holds: (a: Value, b: Value) => boolean): Test =>
  (value, args, named) => {
    const [other = null] = bind(name, ["other"], 1, args, named);
    return holds(value, other);
  };

const ordered = (name: string, holds: (order: number) => boolean): Test =>
  binary(name, (a, b) => holds(compare(a, b, name)));

const isSame = (a: Value, b: Value): boolean => {
  if ((isText(a) && isText(b)) || (isInteger(a) && isInteger(b))) {
    throw new TemplateError("sameas is not served for texts and integers");
  }
  return a === b;
};

// Generators, and what has no length, are none.
const isSequence = (value: Value): boolean => lengthOf(value) !== undefined && !(value instanceof View);

const isIterable = (value: Value): boolean => {
  if (value instanceof Lazy) return true;
  try {
    iterate(value);
    return true;
  } catch {
    return false; // not iterable: that is what was asked
  }
};

const equal = binary("==", isEqual);
const unequal = binary("!=", (a, b) => !isEqual(a, b));
const less = ordered("<", (order) => order < 0);
const lessOrEqual = ordered("<=", (order) => order <= 0);
const greater = ordered(">", (order) => order > 0);
const greaterOrEqual = ordered(">=", (order) => order >= 0);

export const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === "boolean",
  callable: (value) => value instanceof Callable || value instanceof Undefined || isCallableStructure(value),
  defined: (value) => !(value instanceof Undefined),
  divisibleby: divides("divisibleby", undefined, 0),
  escaped: (value) => value instanceof Markup,
  even: divides("even", 2, 0),
  false: (value) => value === false,
  float: (value) => value instanceof Float,
  in: binary("in", isIn),
  integer: isInteger,
  iterable: isIterable,
  lower: (value) => isCased(toText(value)) && lowerCase(toText(value)) === toText(value),
  mapping: (value) => value instanceof Dict,
  none: (value) => value === null,
  number: (value) => isInteger(value) || typeof value === "boolean" || value instanceof Float,
  odd: divides("odd", 2, 1),
  sameas: binary("sameas", isSame),
  sequence: isSequence,
  string: isText,
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value) => isCased(toText(value)) && upperCase(toText(value)) === toText(value),
  ...{ "==": equal, eq: equal, equalto: equal, "!=": unequal, ne: unequal },
  ...{ "<": less, lt: less, lessthan: less, "<=": lessOrEqual, le: lessOrEqual },
  ...{ ">": greater, gt: greater, greaterthan: greater, ">=": greaterOrEqual, ge: greaterOrEqual },
};

// --- internal ---

function isCallableStructure(value: Value): boolean {
  return (
    value instanceof Structure &&
    (value.kind === "Macro" || value.kind === "LoopContext" || value.kind === "Joiner")
  );
}
