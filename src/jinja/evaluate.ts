// Expressions, compiled to functions of the scope that they are evaluated in.
import { attributeOf, itemOf, sliceOf } from "./access.js";
import { calculate, signed } from "./arithmetic.js";
import { applyFilter, applyTest } from "./filters.js";
import { compare, isEqual, isIn, isTrue, iterate, putInto } from "./operators.js";
import { toText } from "./print.js";
import type { Scope } from "./scope.js";
import type { Arguments, Comparison, Expression } from "./syntax.js";
import {
  Callable,
  Dict,
  type Key,
  type Named,
  Structure,
  TemplateError,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

export type Evaluate = (scope: Scope) => Value;

export interface BoundArguments {
  readonly list: readonly Value[];
  readonly named: Named;
}

export type EvaluateArguments = (scope: Scope) => BoundArguments;

/** @throws nothing; what it returns throws TemplateError for what Python refuses */
export function compileExpression(expression: Expression): Evaluate {
  switch (expression.kind) {
    case "constant":
      return () => expression.value;
    case "name":
      return compileName(expression.name);
    case "attribute": {
      const of = compileExpression(expression.of);
      return (scope) => attributeOf(of(scope), expression.name);
    }
    case "item": {
      const [of, key] = [compileExpression(expression.of), compileExpression(expression.key)];
      return (scope) => itemOf(of(scope), key(scope));
    }
    case "and":
    case "or":
      return compileLogic(expression.kind, expression.left, expression.right);
    case "not": {
      const of = compileExpression(expression.of);
      return (scope) => !isTrue(of(scope));
    }
    case "choice":
      return compileChoice(expression);
    case "compare":
      return compileComparison(expression.first, expression.rest);
    case "arithmetic": {
      const [left, right] = [compileExpression(expression.left), compileExpression(expression.right)];
      return (scope) => calculate(expression.operator, left(scope), right(scope));
    }
    default:
      return compileRarer(expression);
  }
}

/** Arguments of a call, `*` and `**` among them. */
export function compileArguments({ list, named, restList, restNamed }: Arguments): EvaluateArguments {
  const compiled = list.map(compileExpression);
  const pairs = named.map(([name, value]) => [name, compileExpression(value)] as const);
  if (pairs.length === 0 && restList === undefined && restNamed === undefined) {
    return (scope) => ({ list: compiled.map((each) => each(scope)), named: kNone });
  }
  const rest = restList && compileExpression(restList);
  const others = restNamed && compileExpression(restNamed);
  return (scope) => {
    const values = compiled.map((each) => each(scope));
    if (rest !== undefined) values.push(...iterate(rest(scope)));
    const byName = new Map<string, Value>(pairs.map(([name, value]) => [name, value(scope)]));
    if (others !== undefined) addNamed(byName, others(scope));
    return { list: values, named: byName };
  };
}

/** @throws TemplateError where the value is no function */
export function callValue(value: Value, { list, named }: BoundArguments): Value {
  if (value instanceof Callable) return value.run(list, named);
  if (value instanceof Structure) return value.call(list, named);
  if (value instanceof Undefined) throw new TemplateError(value.hint);
  throw new TemplateError(`'${typeName(value)}' object is not callable`);
}

// --- internal ---

const kNone: Named = new Map();

type Of<Kind extends Expression["kind"]> = Extract<Expression, { readonly kind: Kind }>;

function compileRarer(
  expression: Of<"list" | "tuple" | "dict" | "slice" | "call" | "filter" | "test" | "-" | "+" | "join">,
): Evaluate {
  switch (expression.kind) {
    case "list":
    case "tuple": {
      const items = expression.items.map(compileExpression);
      const isTuple = expression.kind === "tuple";
      return (scope) => {
        const values = items.map((item) => item(scope));
        return isTuple ? Tuple.of(...values) : values;
      };
    }
    case "dict":
      return compileDict(expression);
    case "slice": {
      const of = compileExpression(expression.of);
      const parts = expression.parts.map((part) => part && compileExpression(part));
      return (scope) => {
        const value = of(scope);
        return sliceOf(
          value,
          parts.map((part) => part?.(scope)),
        );
      };
    }
    case "join": {
      const items = expression.items.map(compileExpression);
      return (scope) => items.map((item) => toText(item(scope))).join("");
    }
    case "-":
    case "+": {
      const of = compileExpression(expression.of);
      return (scope) => signed(expression.kind, of(scope));
    }
    default:
      return compileApplication(expression);
  }
}

function compileApplication(expression: Of<"call" | "filter" | "test">): Evaluate {
  const args = compileArguments(expression.args);
  if (expression.of === undefined) throw new TemplateError("a filter without a value");
  const of = compileExpression(expression.of);
  switch (expression.kind) {
    case "call":
      return (scope) => callValue(of(scope), args(scope));
    case "filter":
      return (scope) => {
        const value = of(scope);
        const { list, named } = args(scope);
        return applyFilter(expression.name, value, list, named);
      };
    default:
      return (scope) => {
        const value = of(scope);
        const { list, named } = args(scope);
        return applyTest(expression.name, value, list, named);
      };
  }
}

function compileName(name: string): Evaluate {
  const hint = `'${name}' is undefined`;
  return (scope) => {
    const value = scope.get(name);
    if (value !== undefined) return value;
    if (name === "self") throw new TemplateError("self, which holds a template's blocks, is not served");
    return new Undefined(hint);
  };
}

function compileLogic(kind: "and" | "or", left: Expression, right: Expression): Evaluate {
  const [first, second] = [compileExpression(left), compileExpression(right)];
  const goesOn = kind === "and";
  return (scope) => {
    const value = first(scope);
    return isTrue(value) === goesOn ? second(scope) : value;
  };
}

function compileChoice({ test, then, otherwise }: Of<"choice">): Evaluate {
  const [condition, yes] = [compileExpression(test), compileExpression(then)];
  const no = otherwise && compileExpression(otherwise);
  const hint = "the inline if-expression evaluated to false and no else section was defined.";
  return (scope) => {
    if (isTrue(condition(scope))) return yes(scope);
    return no === undefined ? new Undefined(hint) : no(scope);
  };
}

const kComparisons: Readonly<Record<Comparison["operator"], (a: Value, b: Value) => boolean>> = {
  "==": isEqual,
  "!=": (a, b) => !isEqual(a, b),
  "<": (a, b) => compare(a, b, "<") < 0,
  "<=": (a, b) => compare(a, b, "<=") <= 0,
  ">": (a, b) => compare(a, b, ">") > 0,
  ">=": (a, b) => compare(a, b, ">=") >= 0,
  in: isIn,
  "not in": (a, b) => !isIn(a, b),
};

// a < b < c is a < b and b < c, each evaluated once.
function compileComparison(first: Expression, rest: readonly Comparison[]): Evaluate {
  const start = compileExpression(first);
  const links = rest.map(({ operator, right }) => ({
    holds: kComparisons[operator],
    right: compileExpression(right),
  }));
  return (scope) => {
    let left = start(scope);
    for (const { holds, right } of links) {
      const value = right(scope);
      if (!holds(left, value)) return false;
      left = value;
    }
    return true;
  };
}

function compileDict({ pairs }: Of<"dict">): Evaluate {
  const compiled = pairs.map(([key, value]) => [compileExpression(key), compileExpression(value)] as const);
  return (scope) => {
    const map = new Map<Key, Value>();
    for (const [key, value] of compiled) putInto(map, key(scope), value(scope));
    return new Dict(map);
  };
}

function addNamed(byName: Map<string, Value>, others: Value): void {
  if (!(others instanceof Dict)) {
    throw new TemplateError(`argument after ** must be a mapping, not ${typeName(others)}`);
  }
  for (const [name, value] of others.map) {
    if (typeof name !== "string") throw new TemplateError("keywords must be strings");
    if (byName.has(name)) throw new TemplateError(`got multiple values for keyword argument '${name}'`);
    byName.set(name, value);
  }
}
