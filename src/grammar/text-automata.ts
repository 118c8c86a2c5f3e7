// Automata of texts as such: any, of some length, and in JSON's quotes.
import { type Automaton, exploreAutomaton } from "./automaton.js";
import { kAnyCodePoint } from "./code-points.js";
import type { GrammarNode } from "./grammar.js";
import { spelledAutomaton } from "./json-spelling.js";

export function anyText(): Automaton {
  return [{ accepts: true, edges: kAnyCodePoint.map(([from, to]) => [from, to, 0]) }];
}

export function lengthAutomaton(min: number, max: number | null): Automaton {
  const last = max ?? min;
  const states = exploreAutomaton<number>(
    0,
    (read) => read,
    (read) => ({
      accepts: read >= min,
      edges: read === max ? [] : kAnyCodePoint.map(([from, to]) => [from, to, Math.min(read + 1, last)]),
    }),
    Infinity,
  );
  return states ?? [];
}

/** Strings of such content as JSON spells them. */
export function quotedText(content: Automaton): GrammarNode {
  if (content.length === 0) return { kind: "choice", nodes: [] };
  return { kind: "automaton", states: spelledAutomaton(content, true) };
}
