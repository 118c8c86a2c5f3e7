// Arguments by place and by name, put where a function of Python's takes them.
import { numberOf } from "./operators.js";
import { toText } from "./print.js";
import {
  Float,
  isText,
  type Named,
  TemplateError,
  toInteger,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

/**
 * @param names  of the parameters, in order
 * @param required  how many of them have no default
 * @returns the argument of each, undefined where it was not given
 * @throws TemplateError for too few, too many, twice given and unknown ones
 */
export function bind(
  who: string,
  names: readonly string[],
  required: number,
  args: readonly Value[],
  named: Named,
): (Value | undefined)[] {
  if (args.length > names.length) {
    throw new TemplateError(`${who}() takes at most ${names.length} arguments, ${args.length} were given`);
  }
  const bound: (Value | undefined)[] = names.map((_, i) => args[i]);
  for (const [name, value] of named) {
    const place = names.indexOf(name);
    if (place < 0) throw new TemplateError(`${who}() got an unexpected keyword argument '${name}'`);
    if (bound[place] !== undefined)
      throw new TemplateError(`${who}() got multiple values for argument '${name}'`);
    bound[place] = value;
  }
  const missing = bound.slice(0, required).indexOf(undefined);
  if (missing >= 0) throw new TemplateError(`${who}() missing an argument: '${names[missing]}'`);
  return bound;
}

/** @throws TemplateError when the argument is no integer */
export function integerArgument(who: string, value: Value): number {
  const number = value instanceof Float ? undefined : numberOf(value);
  if (typeof number === "number") return number;
  if (typeof number === "bigint") return Number(toInteger(number));
  throw wrongArgument(who, "an integer", value);
}

/** @throws TemplateError when the argument is no text */
export function textArgument(who: string, value: Value | undefined): string {
  if (value !== undefined && isText(value)) return toText(value);
  throw wrongArgument(who, "text", value);
}

/** None, or left out, is undefined. @throws TemplateError when it is neither text nor None */
export function optionalText(who: string, value: Value | undefined): string | undefined {
  return value === undefined || value === null ? undefined : textArgument(who, value);
}

/** @returns the integer, or what stands for None and for nothing */
export function optionalInteger<T>(who: string, value: Value | undefined, absent: T): number | T {
  return value === undefined || value === null ? absent : integerArgument(who, value);
}

// --- internal ---

function wrongArgument(who: string, expected: string, value: Value | undefined): TemplateError {
  if (value instanceof Undefined) return new TemplateError(value.hint);
  return new TemplateError(
    `${who}: expected ${expected}, got ${value === undefined ? "nothing" : typeName(value)}`,
  );
}
