// Assignment: to a name, to several at once, to a member of a namespace.
import { Namespace } from "./namespace.js";
import { listOf } from "./operators.js";
import type { Scope } from "./scope.js";
import type { Target } from "./syntax.js";
import { TemplateError, type Value } from "./values.js";

export type Assign = (scope: Scope, value: Value) => void;

/** @returns a function that throws TemplateError for a wrong number of values and for members of what is no namespace */
export function compileTarget(target: Target): Assign {
  switch (target.kind) {
    case "name":
      return (scope, value) => scope.set(target.name, value);
    case "member":
      return (scope, value) => {
        const namespace = scope.get(target.of);
        if (!(namespace instanceof Namespace)) {
          throw new TemplateError("cannot assign attribute on non-namespace object");
        }
        namespace.values.set(target.name, value);
      };
    default:
      return compileSeveral(target.items.map(compileTarget));
  }
}

// --- internal ---

function compileSeveral(targets: readonly Assign[]): Assign {
  return (scope, value) => {
    const values = listOf(value);
    if (values.length !== targets.length) {
      const problem = values.length > targets.length ? "too many" : "not enough";
      throw new TemplateError(`${problem} values to unpack (expected ${targets.length})`);
    }
    targets.forEach((assign, i) => {
      assign(scope, values[i] ?? null);
    });
  };
}
