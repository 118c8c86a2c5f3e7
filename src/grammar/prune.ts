// A grammar without what can never end or never be reached: every choice that is left can be finished.
import type { Grammar, GrammarNode } from "./grammar.js";

/** @returns undefined when the start itself can never end */
export function pruneGrammar(rules: readonly GrammarNode[]): Grammar | undefined {
  const ending = endingRules(rules);
  if (!ending.has(0)) return undefined;
  const numbers = new Map([[0, 0]]);
  const kept: GrammarNode[] = [];
  // Grows while it is gone through: a rule is numbered where it is first referred to.
  for (const [rule] of numbers) {
    const node = rules[rule];
    kept.push(node === undefined ? kNone : (pruned(node, ending, numbers) ?? kNone));
  }
  return { rules: kept };
}

// --- internal ---

const kNone: GrammarNode = { kind: "choice", nodes: [] };

/** Rules from which a text can be finished; a rule is judged again when one that it refers to turns out to be so. */
function endingRules(rules: readonly GrammarNode[]): ReadonlySet<number> {
  const users = rules.map((): number[] => []);
  for (const [rule, node] of rules.entries())
    for (const used of new Set(references(node))) users[used]?.push(rule);
  const ending = new Set<number>();
  const queue = [...rules.keys()].reverse();
  for (const rule of queue) {
    const node = rules[rule];
    if (ending.has(rule) || node === undefined || !canEnd(node, ending)) continue;
    ending.add(rule);
    for (const user of users[rule] ?? []) if (!ending.has(user)) queue.push(user);
  }
  return ending;
}

function references(node: GrammarNode): number[] {
  switch (node.kind) {
    case "rule":
      return [node.rule];
    case "repeat":
      return references(node.node);
    case "sequence":
    case "choice":
      return node.nodes.flatMap(references);
    default:
      return [];
  }
}

function canEnd(node: GrammarNode, ending: ReadonlySet<number>): boolean {
  switch (node.kind) {
    case "rule":
      return ending.has(node.rule);
    case "repeat":
      return node.min === 0 || canEnd(node.node, ending);
    case "sequence":
      return node.nodes.every((part) => canEnd(part, ending));
    case "choice":
      return node.nodes.some((part) => canEnd(part, ending));
    case "class":
      return node.ranges.length > 0;
    case "automaton":
      return node.states.length > 0;
    default:
      return true;
  }
}

function pruned(
  node: GrammarNode,
  ending: ReadonlySet<number>,
  numbers: Map<number, number>,
): GrammarNode | undefined {
  if (!canEnd(node, ending)) return undefined;
  switch (node.kind) {
    case "rule": {
      const rule = numbers.get(node.rule) ?? numbers.size;
      numbers.set(node.rule, rule);
      return { kind: "rule", rule };
    }
    case "repeat": {
      const part = pruned(node.node, ending, numbers);
      return part === undefined ? { kind: "sequence", nodes: [] } : { ...node, node: part };
    }
    case "sequence":
      return { kind: "sequence", nodes: prunedParts(node.nodes, ending, numbers) };
    case "choice": {
      const nodes = prunedParts(node.nodes, ending, numbers);
      const [only] = nodes;
      return nodes.length === 1 && only !== undefined ? only : { kind: "choice", nodes };
    }
    default:
      return node;
  }
}

function prunedParts(
  nodes: readonly GrammarNode[],
  ending: ReadonlySet<number>,
  numbers: Map<number, number>,
): GrammarNode[] {
  return nodes.map((part) => pruned(part, ending, numbers)).filter((part) => part !== undefined);
}
