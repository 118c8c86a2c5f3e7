// A grammar as the numbers that the addon reads (native/sample/grammar/grammar.h). Kinds are checked here; what the numbers mean, there.
import { argumentError } from "../../base/check.js";
import type { Grammar, GrammarNode } from "../../grammar/grammar.js";

/** @throws E_ARGUMENT for what is no grammar */
export function grammarToWords(who: string, grammar: Grammar): Int32Array {
  const words: number[] = [];
  const { rules } = grammar;
  words.push(rules.length);
  for (const rule of rules) addNode(who, words, rule, 0);
  return Int32Array.from(words, (word) => {
    if (Number.isInteger(word) && word >= 0 && word <= kLargest) return word;
    throw argumentError(who, `a grammar's numbers to be integers from 0 to ${kLargest}`, word);
  });
}

// --- internal ---

const kLargest = 2 ** 31 - 1;
const kMostDepth = 500;
const kKinds = ["text", "class", "sequence", "choice", "repeat", "rule", "automaton", "token"] as const;

function addNode(who: string, words: number[], node: GrammarNode, depth: number): void {
  const code = kKinds.indexOf(node?.kind);
  if (code < 0) throw argumentError(who, `a grammar's nodes to be of the kinds ${kKinds.join(", ")}`, node);
  if (depth > kMostDepth) throw argumentError(who, `a grammar nested at most ${kMostDepth} deep`, depth);
  checkNode(who, node);
  words.push(code);
  const addAll = (nodes: readonly GrammarNode[]): void => {
    words.push(nodes.length);
    for (const child of nodes) addNode(who, words, child, depth + 1);
  };
  switch (node.kind) {
    case "text": {
      const characters = Array.from(node.text);
      words.push(characters.length);
      for (const character of characters) words.push(character.codePointAt(0) ?? 0);
      break;
    }
    case "class":
      words.push(node.ranges.length);
      for (const [from, to] of node.ranges) words.push(from, to);
      break;
    case "sequence":
    case "choice":
      addAll(node.nodes);
      break;
    case "repeat":
      words.push(node.min, node.max === null ? 0 : 1, node.max ?? 0);
      addNode(who, words, node.node, depth + 1);
      break;
    case "rule":
      words.push(node.rule);
      break;
    case "automaton":
      words.push(node.states.length);
      for (const { accepts, edges } of node.states) {
        words.push(accepts ? 1 : 0, edges.length);
        for (const edge of edges) words.push(...edge);
      }
      break;
    case "token":
      words.push(node.id);
      break;
  }
}

/** That what the node is made of is there; what its numbers are is checked as they are written. */
function checkNode(who: string, node: GrammarNode): void {
  const expect = (field: string, what: string, value: unknown, isRight: boolean): void => {
    if (!isRight)
      throw argumentError(who, `a grammar's node of kind ${node.kind} to have ${field}, ${what}`, value);
  };
  const expectList = (field: string, value: unknown): void =>
    expect(field, "a list", value, Array.isArray(value));
  switch (node.kind) {
    case "text":
      expect("text", "a string", node.text, typeof node.text === "string");
      return;
    case "class":
      expectList("ranges", node.ranges);
      for (const range of node.ranges) expectList("ranges of two code points", range);
      return;
    case "sequence":
    case "choice":
      expectList("nodes", node.nodes);
      return;
    case "automaton":
      expectList("states", node.states);
      for (const state of node.states) {
        expectList("states with edges", state?.edges);
        for (const edge of state.edges) expectList("edges of three numbers", edge);
      }
  }
}
