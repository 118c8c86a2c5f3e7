// Statements, compiled to functions that write into an output.
import { callValue, compileArguments, compileExpression } from "./evaluate.js";
import { applyFilter } from "./filters.js";
import { compileFor } from "./loops.js";
import { compileMacro } from "./macros.js";
import { isTrue } from "./operators.js";
import { type Execute, type Output, Signal } from "./output.js";
import { toText } from "./print.js";
import { Scope } from "./scope.js";
import type { Block, Filter, Statement } from "./syntax.js";
import { compileTarget } from "./targets.js";
import type { Value } from "./values.js";

/** The statements one after the other, until one leaves the turn of a loop. */
export function compileBlock(block: Block): Execute {
  const steps = block.map(compileStatement);
  const [first] = steps;
  if (steps.length === 1 && first !== undefined) return first;
  return (scope, out) => {
    for (const step of steps) {
      const signal = step(scope, out);
      if (signal !== Signal.None) return signal;
    }
    return Signal.None;
  };
}

// --- internal ---

function compileStatement(statement: Statement): Execute {
  switch (statement.kind) {
    case "data": {
      const { text } = statement;
      return (_scope, out) => {
        out.text += text;
        return Signal.None;
      };
    }
    case "print": {
      const value = compileExpression(statement.value);
      return (scope, out) => {
        out.text += toText(value(scope));
        return Signal.None;
      };
    }
    case "if":
      return compileIf(statement);
    case "for":
      return compileFor(statement, compileBlock);
    case "set": {
      const [target, value] = [compileTarget(statement.target), compileExpression(statement.value)];
      return quietly((scope) => target(scope, value(scope)));
    }
    case "macro": {
      const macro = compileMacro(statement, compileBlock);
      return quietly((scope) => scope.set(statement.name, macro(scope)));
    }
    case "break":
      return () => Signal.Break;
    case "continue":
      return () => Signal.Continue;
    default:
      return compileRarer(statement);
  }
}

type Of<Kind extends Statement["kind"]> = Extract<Statement, { readonly kind: Kind }>;

function compileRarer(
  statement: Of<"set block" | "with" | "generation" | "call block" | "filter block">,
): Execute {
  switch (statement.kind) {
    case "set block": {
      const target = compileTarget(statement.target);
      return compileCaptured(statement.body, statement.filter, (scope, value) => target(scope, value));
    }
    case "filter block":
      return compileCaptured(statement.body, statement.filter, (_scope, value, out) => {
        out.text += toText(value);
      });
    case "with":
      return compileWith(statement.pairs, statement.body);
    case "generation":
      return compileWith([], statement.body);
    default:
      return compileCallBlock(statement);
  }
}

function quietly(run: (scope: Scope) => void): Execute {
  return (scope) => {
    run(scope);
    return Signal.None;
  };
}

function compileIf({ test, body, otherwise }: Of<"if">): Execute {
  const condition = compileExpression(test);
  const [yes, no] = [compileBlock(body), compileBlock(otherwise)];
  return (scope, out) => (isTrue(condition(scope)) ? yes(scope, out) : no(scope, out));
}

// A body's text, in a scope of its own, through filters; none where the body leaves the turn of a loop.
function compileCaptured(
  body: Block,
  filter: Filter | undefined,
  use: (scope: Scope, value: Value, out: Output) => void,
): Execute {
  const run = compileBlock(body);
  const pass = filter === undefined ? undefined : compileBodyFilter(filter);
  return (scope, out) => {
    const inner = new Scope(scope);
    const captured: Output = { text: "" };
    const signal = run(inner, captured);
    if (signal === Signal.None)
      use(scope, pass === undefined ? captured.text : pass(inner, captured.text), out);
    return signal;
  };
}

// Filters of a block: the innermost is given the body's text.
function compileBodyFilter({ of, name, args }: Filter): (scope: Scope, text: string) => Value {
  const inner = of?.kind === "filter" ? compileBodyFilter(of) : (_scope: Scope, text: string): Value => text;
  const evaluated = compileArguments(args);
  return (scope, text) => {
    const value = inner(scope, text);
    const { list, named } = evaluated(scope);
    return applyFilter(name, value, list, named);
  };
}

function compileWith(pairs: Of<"with">["pairs"], body: Block): Execute {
  const run = compileBlock(body);
  const bound = pairs.map(([target, value]) => [compileTarget(target), compileExpression(value)] as const);
  return (scope, out) => {
    const inner = new Scope(scope);
    const values = bound.map(([, value]) => value(scope));
    bound.forEach(([target], i) => {
      target(inner, values[i] ?? null);
    });
    return run(inner, out);
  };
}

function compileCallBlock({ call, macro }: Of<"call block">): Execute {
  const [of, args] = [compileExpression(call.of), compileArguments(call.args)];
  const caller = compileMacro(macro, compileBlock);
  return (scope, out) => {
    const { list, named } = args(scope);
    const called = callValue(of(scope), { list, named: new Map([...named, ["caller", caller(scope)]]) });
    out.text += toText(called);
    return Signal.None;
  };
}
