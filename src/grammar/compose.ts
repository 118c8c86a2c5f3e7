// Grammars put together from parts: literal text, tokens, free text up to a marker, values of a schema. A part becomes a node when the whole
// is composed, so that the rules of what it holds get their numbers there, each grammar once.
import type { AutomatonState, Grammar, GrammarNode } from "./grammar.js";
import { schemaToGrammar } from "./schema-to-grammar.js";

export type Part = (composer: Composer) => GrammarNode;

export interface Composer {
  /** The start of a grammar whose rules become rules of the whole. */
  embed(grammar: Grammar): GrammarNode;
}

/** The grammar of a part. */
export function composeGrammar(part: Part): Grammar {
  const rules: GrammarNode[] = [{ kind: "sequence", nodes: [] }];
  const starts = new Map<Grammar, number>();
  const embed = (grammar: Grammar): GrammarNode => {
    const start = starts.get(grammar) ?? rules.length;
    if (!starts.has(grammar)) rules.push(...grammar.rules.map((node) => shifted(node, start)));
    starts.set(grammar, start);
    return { kind: "rule", rule: start };
  };
  rules[0] = part({ embed });
  return { rules };
}

export function text(written: string): Part {
  return () => ({ kind: "text", text: written });
}

/** Exactly this token, as of a tag that the vocabulary has a token for. */
export function token(id: number): Part {
  return () => ({ kind: "token", id });
}

export function sequence(...parts: readonly Part[]): Part {
  return (composer) => ({ kind: "sequence", nodes: parts.map((part) => part(composer)) });
}

export function choice(...parts: readonly Part[]): Part {
  return (composer) => ({ kind: "choice", nodes: parts.map((part) => part(composer)) });
}

export function optional(part: Part): Part {
  return choice(text(""), part);
}

/**
 * @param part  which never matches the empty text
 * @param max  null is without bound
 */
export function repeat(part: Part, min: number, max: number | null): Part {
  return (composer) => ({ kind: "repeat", node: part(composer), min, max });
}

export function embedded(grammar: Grammar): Part {
  return ({ embed }) => embed(grammar);
}

/**
 * A value of a JSON schema on one line.
 * @throws E_ARGUMENT for a schema that cannot be enforced
 */
export function jsonValue(schema: unknown): Part {
  return embedded(schemaToGrammar(schema));
}

/** Any text, also none, in which the marker does not occur. */
export function textWithout(marker: string): Part {
  return () => ({ kind: "automaton", states: markerStates(marker, false) });
}

/** Any text that ends with the marker, which occurs nowhere before. */
export function textUntil(marker: string): Part {
  return () => ({ kind: "automaton", states: markerStates(marker, true) });
}

/** Of texts without the marker, or that end with its first occurrence. A state is how much of the marker the text ends with (Knuth, Morris and Pratt). */
export function markerStates(marker: string, isWithMarker: boolean): readonly AutomatonState[] {
  const points = Array.from(marker, (character) => character.codePointAt(0) ?? 0);
  const alphabet = [...new Set(points)].sort((a, b) => a - b);
  const states = points.map((_, read): AutomatonState => {
    const edges: [number, number, number][] = [];
    let from = 0;
    for (const point of alphabet) {
      if (from < point) edges.push(...plainEdges(from, point - 1));
      const next = longestEnd(points, read, point);
      if (next < points.length || isWithMarker) edges.push([point, point, next]);
      from = point + 1;
    }
    edges.push(...plainEdges(from, 0x10ffff));
    return { accepts: !isWithMarker, edges };
  });
  return isWithMarker ? [...states, { accepts: true, edges: [] }] : states;
}

// --- internal ---

function shifted(node: GrammarNode, by: number): GrammarNode {
  switch (node.kind) {
    case "rule":
      return { kind: "rule", rule: node.rule + by };
    case "sequence":
    case "choice":
      return { ...node, nodes: node.nodes.map((part) => shifted(part, by)) };
    case "repeat":
      return { ...node, node: shifted(node.node, by) };
    default:
      return node;
  }
}

/** Characters that the marker does not hold, without surrogates. */
function plainEdges(from: number, to: number): [number, number, number][] {
  const parts: [number, number, number][] = [
    [from, Math.min(to, 0xd7ff), 0],
    [Math.max(from, 0xe000), to, 0],
  ];
  return parts.filter(([first, last]) => first <= last);
}

/** The most of the marker's beginning that `read` of it and one more character end with. */
function longestEnd(points: readonly number[], read: number, point: number): number {
  const ending = [...points.slice(0, read), point];
  for (let length = ending.length; length > 0; length--)
    if (ending.slice(-length).every((value, index) => value === points[index])) return length;
  return 0;
}
