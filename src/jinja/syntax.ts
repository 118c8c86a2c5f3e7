// The syntax tree of a template. Plain data.
import type { ArithmeticOperator } from "./arithmetic.js";
import type { Value } from "./values.js";

export type Expression =
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "item"; readonly of: Expression; readonly key: Expression }
  | { readonly kind: "slice"; readonly of: Expression; readonly parts: readonly (Expression | undefined)[] }
  | Call
  | Filter
  | { readonly kind: "test"; readonly of: Expression; readonly name: string; readonly args: Arguments }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "-" | "+"; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "join"; readonly items: readonly Expression[] }
  | { readonly kind: "compare"; readonly first: Expression; readonly rest: readonly Comparison[] }
  | {
      readonly kind: "choice";
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression | undefined;
    };

export interface Call {
  readonly kind: "call";
  readonly of: Expression;
  readonly args: Arguments;
}

export interface Filter {
  readonly kind: "filter";
  /** Undefined: the body of a block. */
  readonly of: Expression | undefined;
  readonly name: string;
  readonly args: Arguments;
}

export interface Comparison {
  readonly operator: "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
  readonly right: Expression;
}

export interface Arguments {
  readonly list: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  /** `*rest` and `**rest`. */
  readonly restList: Expression | undefined;
  readonly restNamed: Expression | undefined;
}

export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "tuple"; readonly items: readonly Target[] }
  /** Of a namespace. */
  | { readonly kind: "member"; readonly of: string; readonly name: string };

export interface Parameter {
  readonly name: string;
  readonly standard: Expression | undefined;
}

export type Block = readonly Statement[];

export type Statement =
  | { readonly kind: "data"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  | { readonly kind: "if"; readonly test: Expression; readonly body: Block; readonly otherwise: Block }
  | For
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: "set block";
      readonly target: Target;
      readonly filter: Filter | undefined;
      readonly body: Block;
    }
  | {
      readonly kind: "with";
      readonly pairs: readonly (readonly [Target, Expression])[];
      readonly body: Block;
    }
  | Macro
  | { readonly kind: "call block"; readonly call: Call; readonly macro: Macro }
  | { readonly kind: "filter block"; readonly filter: Filter; readonly body: Block }
  | { readonly kind: "generation"; readonly body: Block }
  | { readonly kind: "break" | "continue" };

export interface For {
  readonly kind: "for";
  readonly target: Target;
  readonly of: Expression;
  readonly test: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: Block;
  readonly otherwise: Block;
}

export interface Macro {
  readonly kind: "macro";
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: Block;
}
