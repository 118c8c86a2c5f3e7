// Macros, and the bodies of call blocks: functions that print into a text of their own, in the scope that they were made in.
import { compileExpression } from "./evaluate.js";
import { namesIn } from "./names.js";
import type { Execute, Output } from "./output.js";
import { Scope } from "./scope.js";
import type { Block, Expression, Macro } from "./syntax.js";
import { Dict, type Named, Structure, TemplateError, Tuple, Undefined, type Value } from "./values.js";

/** @returns makes the macro in a scope */
export function compileMacro(
  { name, parameters, body }: Macro,
  compileBlock: (block: Block) => Execute,
): (scope: Scope) => Structure {
  const used = namesIn(body);
  const own = new Set(parameters.map((parameter) => parameter.name));
  const takes = (special: string) => used.has(special) && !own.has(special);
  const shape: Shape = {
    name,
    parameters: parameters.map(({ name, standard }) => ({
      name,
      standard: standard && compileExpression(standard as Expression),
    })),
    takesCaller: takes("caller"),
    takesNamed: takes("kwargs"),
    takesRest: takes("varargs"),
    run: compileBlock(body),
  };
  return (scope) => new MacroValue(shape, scope);
}

// --- internal ---

interface Shape {
  readonly name: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly standard: ReturnType<typeof compileExpression> | undefined;
  }[];
  readonly takesCaller: boolean;
  readonly takesNamed: boolean;
  readonly takesRest: boolean;
  readonly run: Execute;
}

class MacroValue extends Structure {
  readonly kind = "Macro";
  readonly #shape: Shape;
  readonly #scope: Scope;

  constructor(shape: Shape, scope: Scope) {
    super();
    this.#shape = shape;
    this.#scope = scope;
  }

  attribute(name: string): Value | undefined {
    const { name: own, parameters, takesCaller, takesNamed, takesRest } = this.#shape;
    switch (name) {
      case "name":
        return own;
      case "arguments":
        return Tuple.of(...parameters.map((parameter) => parameter.name));
      case "caller":
        return takesCaller;
      case "catch_kwargs":
        return takesNamed;
      case "catch_varargs":
        return takesRest;
      default:
        return undefined;
    }
  }

  override call(args: readonly Value[], named: Named): string {
    const scope = new Scope(this.#scope);
    const out: Output = { text: "" };
    bindParameters(this.#shape, scope, args, named);
    this.#shape.run(scope, out);
    return out.text;
  }

  override print(): string {
    return `<Macro '${this.#shape.name}'>`;
  }
}

function bindParameters(shape: Shape, scope: Scope, args: readonly Value[], named: Named): void {
  const { name, parameters, takesCaller, takesNamed, takesRest } = shape;
  const left = new Map<string, Value>(named);
  const absent: (typeof parameters)[number][] = [];
  parameters.forEach((parameter, i) => {
    const given = i < args.length ? args[i] : left.get(parameter.name);
    if (i >= args.length) left.delete(parameter.name);
    if (given !== undefined) {
      scope.set(parameter.name, given);
    } else {
      scope.set(parameter.name, new Undefined(`parameter '${parameter.name}' was not provided`));
      absent.push(parameter);
    }
  });
  if (takesCaller) {
    const given = left.get("caller");
    left.delete("caller");
    scope.set("caller", given === undefined || given === null ? new Undefined("No caller defined") : given);
  }
  if (takesNamed) scope.set("kwargs", new Dict(left));
  const [unknown] = left.keys();
  if (!takesNamed && unknown !== undefined)
    throw new TemplateError(`macro '${name}' takes no keyword argument '${unknown}'`);
  if (takesRest) scope.set("varargs", Tuple.of(...args.slice(parameters.length)));
  else if (args.length > parameters.length) {
    throw new TemplateError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
  }
  for (const { name, standard } of absent) if (standard !== undefined) scope.set(name, standard(scope));
}
