// A regular expression as the automaton of the texts in which it finds a match: unanchored, as JSON schema means it.
import { type Automaton, combineAutomata } from "./automaton.js";
import { minimiseAutomaton } from "./minimise.js";
import { createNfa, type Nfa } from "./nfa.js";
import { parseRegex, type Regex } from "./regex-syntax.js";

/**
 * @param refuse  throws, with why it cannot be followed
 * @param spend  is told what it will cost, in states
 */
export function regexToAutomaton(
  pattern: string,
  refuse: (why: string) => never,
  spend?: (states: number) => void,
): Automaton {
  const { regex, lookaheads } = parseRegex(pattern, refuse);
  const cost: Cost = { refuse, spend };
  let all = findingAutomaton(regex, cost);
  for (const { regex: other, isWanted } of lookaheads) {
    const ahead = findingAutomaton(other, cost);
    all = minimiseAutomaton(
      paid(combineAutomata(all, ahead, isWanted ? "both" : "first", kMostStates), cost),
    );
  }
  return all;
}

/** The most states that an automaton of a schema may have. */
export const kMostStates = 4096;

// --- internal ---

const kMostNfaStates = 8192;

interface Cost {
  readonly refuse: (why: string) => never;
  readonly spend: ((states: number) => void) | undefined;
}

function findingAutomaton(regex: Regex, cost: Cost): Automaton {
  const size = sizeOf(regex);
  if (size > kMostNfaStates) return cost.refuse("repetitions that are too large");
  cost.spend?.(size);
  const nfa = createNfa();
  const start = nfa.addState();
  return minimiseAutomaton(paid(nfa.findingAutomaton(start, add(nfa, regex, start), kMostStates), cost));
}

/** @param found  undefined: it is too large */
function paid(found: Automaton | undefined, { refuse, spend }: Cost): Automaton {
  if (found === undefined) return refuse("an automaton that is too large");
  spend?.(found.length);
  return found;
}

function sizeOf(regex: Regex): number {
  switch (regex.kind) {
    case "sequence":
    case "choice":
      return regex.parts.reduce((sum, part) => sum + sizeOf(part) + 1, 1);
    case "repeat":
      return (sizeOf(regex.part) + 1) * Math.max(1, regex.max ?? regex.min + 1);
    default:
      return 1;
  }
}

/** Adds what matches from one state on, and gives the state where it ends; no step leads back into `from`. */
function add(nfa: Nfa, regex: Regex, from: number): number {
  switch (regex.kind) {
    case "class": {
      const to = nfa.addState();
      nfa.addEdge(from, regex.ranges, to);
      return to;
    }
    case "start":
    case "end": {
      const to = nfa.addState();
      nfa.addEmpty(from, to, regex.kind);
      return to;
    }
    case "sequence":
      return regex.parts.reduce((at, part) => add(nfa, part, at), from);
    case "choice": {
      const to = nfa.addState();
      for (const part of regex.parts) nfa.addEmpty(add(nfa, part, fresh(nfa, from)), to);
      return to;
    }
    case "repeat":
      return addRepeat(nfa, regex, from);
  }
}

function addRepeat(nfa: Nfa, { part, min, max }: Regex & { kind: "repeat" }, from: number): number {
  let at = fresh(nfa, from);
  for (let count = 0; count < min; count++) at = fresh(nfa, add(nfa, part, at));
  const to = nfa.addState();
  if (max === null) nfa.addEmpty(add(nfa, part, at), at);
  for (let count = min; count < (max ?? 0); count++) {
    nfa.addEmpty(at, to);
    at = fresh(nfa, add(nfa, part, at));
  }
  nfa.addEmpty(at, to);
  return to;
}

function fresh(nfa: Nfa, from: number): number {
  const to = nfa.addState();
  nfa.addEmpty(from, to);
  return to;
}
