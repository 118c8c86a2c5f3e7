// Whether a template goes through what is called by a name: how one that knows the parts of a message's content is told from one that takes text.
import type { Block, Expression, Macro, Statement } from "./syntax.js";

/** Follows the name through assignments and the parameters of macros. */
export function loopsOver(tree: Block, name: string): boolean {
  const found: Found = { called: name, names: new Set([name]), macros: new Map(), isLooped: false };
  visit(tree, (node) => {
    if (node.kind === "macro") found.macros.set(node.name, node);
  });
  // Each pass may find names that the one before it makes known.
  for (let known = 0; known < found.names.size; ) {
    known = found.names.size;
    visit(tree, (node) => look(node, found));
  }
  return found.isLooped;
}

// --- internal ---

interface Found {
  readonly called: string;
  /** Names that hold it. */
  readonly names: Set<string>;
  readonly macros: Map<string, Macro>;
  isLooped: boolean;
}

type Node = Statement | Expression;

function visit(value: unknown, act: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const each of value) visit(each, act);
  } else if (typeof value === "object" && value !== null) {
    if ("kind" in value) act(value as Node);
    for (const each of Object.values(value)) visit(each, act);
  }
}

function look(node: Node, found: Found): void {
  switch (node.kind) {
    case "for":
      found.isLooped ||= holds(node.of, found);
      break;
    case "set":
      if (node.target.kind === "name" && holds(node.value, found)) found.names.add(node.target.name);
      break;
    case "call": {
      const macro = node.of.kind === "name" ? found.macros.get(node.of.name) : undefined;
      node.args.list.forEach((arg, i) => {
        const parameter = macro?.parameters[i];
        if (parameter !== undefined && holds(arg, found)) found.names.add(parameter.name);
      });
      for (const [name, value] of node.args.named) if (macro && holds(value, found)) found.names.add(name);
      break;
    }
    default:
  }
}

function holds(expression: Expression, found: Found): boolean {
  switch (expression.kind) {
    case "name":
      return found.names.has(expression.name);
    case "attribute":
      return expression.name === found.called;
    case "item":
      return isConstant(expression.key, found.called);
    case "call":
      // message.get("content")
      return (
        expression.of.kind === "attribute" &&
        expression.of.name === "get" &&
        isConstant(expression.args.list[0], found.called)
      );
    case "slice":
      return holds(expression.of, found);
    case "filter":
      return expression.of !== undefined && kKeeping.has(expression.name) && holds(expression.of, found);
    case "choice":
      return [expression.then, expression.otherwise].some((each) => each !== undefined && holds(each, found));
    case "or":
    case "and":
      return holds(expression.left, found) || holds(expression.right, found);
    default:
      return false;
  }
}

/** Filters whose value is of the same items. */
const kKeeping = new Set(["list", "default", "d", "selectattr", "rejectattr", "select", "reject", "reverse"]);

function isConstant(expression: Expression | undefined, value: string): boolean {
  return expression?.kind === "constant" && expression.value === value;
}
