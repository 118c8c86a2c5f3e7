// A nondeterministic automaton with anchors, and the deterministic one of the texts in which it finds a match (Thompson; subsets).
import { type Automaton, exploreAutomaton, type Opened } from "./automaton.js";
import { kAnyCodePoint, type Ranges } from "./code-points.js";

export interface Nfa {
  addState(): number;
  addEdge(from: number, ranges: Ranges, to: number): void;
  /** An empty step, which may need the text's start before it or its end after it. */
  addEmpty(from: number, to: number, where?: "start" | "end"): void;
  /**
   * The texts that hold a match from `start` to `final` anywhere.
   * @returns undefined when there are too many states
   */
  findingAutomaton(start: number, final: number, most: number): Automaton | undefined;
}

export function createNfa(): Nfa {
  const states: State[] = [];
  const at = (state: number) => states[state] as State;
  return {
    addState: () => states.push({ edges: [], empties: [] }) - 1,
    addEdge: (from, ranges, to) => void at(from).edges.push({ ranges, to }),
    addEmpty: (from, to, where) => void at(from).empties.push({ where, to }),
    findingAutomaton: (start, final, most) => determinise(states, start, final, most),
  };
}

// --- internal ---

interface State {
  readonly edges: { readonly ranges: Ranges; readonly to: number }[];
  readonly empties: { readonly where: "start" | "end" | undefined; readonly to: number }[];
}

interface Subset {
  readonly key: string;
  readonly states: readonly number[];
  /** Nothing has been read. */
  readonly isStart: boolean;
}

const kFound: Subset = { key: "found", states: [], isStart: false };

/** Most members of all subsets together, for what is opened at all. */
const kMostMembers = 400_000;

function determinise(
  states: readonly State[],
  start: number,
  final: number,
  most: number,
): Automaton | undefined {
  let members = 0;
  const subset = (kernel: Iterable<number>, isStart: boolean): Subset => {
    // A search may begin anywhere.
    const all = closure(states, [...kernel, start], isStart, false);
    if (all.has(final)) return kFound;
    members += all.size;
    const ids = [...all].sort((a, b) => a - b);
    return { key: `${isStart ? "^" : ""}${ids.join(" ")}`, states: ids, isStart };
  };
  const open = (from: Subset): Opened<Subset> => {
    if (from === kFound)
      return { accepts: true, edges: kAnyCodePoint.map(([first, last]) => [first, last, kFound]) };
    const accepts = closure(states, from.states, from.isStart, true).has(final);
    if (members > kMostMembers) return { accepts, edges: [] };
    return { accepts, edges: splitEdges(states, from.states, (kernel) => subset(kernel, false)) };
  };
  const found = exploreAutomaton(subset([], true), ({ key }) => key, open, most);
  return members > kMostMembers ? undefined : found;
}

function closure(
  states: readonly State[],
  from: readonly number[],
  isStart: boolean,
  isEnd: boolean,
): Set<number> {
  const all = new Set(from);
  for (const state of all)
    for (const { where, to } of states[state]?.empties ?? [])
      if (where === undefined || (where === "start" ? isStart : isEnd)) all.add(to);
  return all;
}

/** Cuts the code points at every border of the members' ranges; each piece leads to what its members lead to. */
function splitEdges(
  states: readonly State[],
  members: readonly number[],
  subset: (kernel: ReadonlySet<number>) => Subset,
): (readonly [number, number, Subset])[] {
  const borders: { readonly at: number; readonly to: number; readonly opens: boolean }[] = [];
  for (const [from, last] of kAnyCodePoint)
    borders.push({ at: from, to: -1, opens: true }, { at: last + 1, to: -1, opens: false });
  for (const member of members)
    for (const { ranges, to } of states[member]?.edges ?? [])
      for (const [from, last] of ranges)
        borders.push({ at: from, to, opens: true }, { at: last + 1, to, opens: false });
  borders.sort((a, b) => a.at - b.at);
  const counts = new Map<number, number>();
  const subsets = new Map<string, Subset>();
  const pieces: [number, number, Subset][] = [];
  for (const [index, { at, to, opens }] of borders.entries()) {
    const count = (counts.get(to) ?? 0) + (opens ? 1 : -1);
    if (count === 0) counts.delete(to);
    else counts.set(to, count);
    const next = borders[index + 1];
    if (next === undefined || next.at === at || !counts.has(-1)) continue;
    const key = [...counts.keys()].sort((a, b) => a - b).join(" ");
    const target = subsets.get(key) ?? subset(new Set([...counts.keys()].filter((id) => id >= 0)));
    subsets.set(key, target);
    pieces.push([at, next.at - 1, target]);
  }
  return pieces;
}
