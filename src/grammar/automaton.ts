// Deterministic automata over code points: building one from a start and its steps, products, trimming. A missing edge is death; no states at
// all is the automaton of nothing.
import type { AutomatonState } from "./grammar.js";

export type Automaton = readonly AutomatonState[];
export type Edge<State> = readonly [from: number, to: number, state: State];

/** One state of an automaton that is still to be numbered; edges are ascending and do not overlap. */
export interface Opened<State> {
  readonly accepts: boolean;
  readonly edges: readonly Edge<State>[];
}

/**
 * Numbers every state that the start reaches, and keeps those from which one that accepts is reached.
 * @param key  equal for equal states
 * @param most  the most states, before those that never accept are dropped
 * @returns undefined when there are more
 */
export function exploreAutomaton<State>(
  start: State,
  key: (state: State) => string | number,
  open: (state: State) => Opened<State>,
  most: number,
): Automaton | undefined {
  const numbers = new Map<string | number, number>([[key(start), 0]]);
  const queue: State[] = [start];
  const states: AutomatonState[] = [];
  const number = (state: State): number => {
    const known = numbers.get(key(state));
    if (known !== undefined) return known;
    numbers.set(key(state), queue.length);
    queue.push(state);
    return queue.length - 1;
  };
  for (let at = 0; at < queue.length; at++) {
    if (queue.length > most) return undefined;
    const { accepts, edges } = open(queue[at] as State);
    states.push({ accepts, edges: joinEdges(edges.map(([from, to, state]) => [from, to, number(state)])) });
  }
  return trimAutomaton(states);
}

/** What both accept, what one of them does, what the first alone does. */
export function combineAutomata(
  a: Automaton,
  b: Automaton,
  mode: "both" | "either" | "first",
  most: number,
): Automaton | undefined {
  const accepts: Record<typeof mode, (x: boolean, y: boolean) => boolean> = {
    both: (x, y) => x && y,
    either: (x, y) => x || y,
    first: (x, y) => x && !y,
  };
  const needs: Record<typeof mode, (pair: Pair) => boolean> = {
    both: ([x, y]) => x !== null && y !== null,
    either: () => true,
    first: ([x]) => x !== null,
  };
  const start: Pair = [a.length > 0 ? 0 : null, b.length > 0 ? 0 : null];
  if (!needs[mode](start)) return [];
  return exploreAutomaton<Pair>(
    start,
    ([x, y]) => `${x} ${y}`,
    ([x, y]) => {
      const [left, right] = [stateAt(a, x), stateAt(b, y)];
      return {
        accepts: accepts[mode](left.accepts, right.accepts),
        edges: pairEdges(left.edges, right.edges).filter(([, , pair]) => needs[mode](pair)),
      };
    },
    most,
  );
}

/** Renumbered: states that the start does not reach, or that reach no acceptance, are left out. */
export function trimAutomaton(states: Automaton): Automaton {
  const alive = aliveStates(states);
  if (!alive.has(0)) return [];
  const numbers = new Map<number, number>();
  for (const [state] of states.entries()) if (alive.has(state)) numbers.set(state, numbers.size);
  const kept: AutomatonState[] = [];
  for (const [state, { accepts, edges }] of states.entries()) {
    if (!alive.has(state)) continue;
    const live: Edge<number>[] = [];
    for (const [from, to, target] of edges) {
      const number = numbers.get(target);
      if (number !== undefined) live.push([from, to, number]);
    }
    kept.push({ accepts, edges: joinEdges(live) });
  }
  return kept;
}

export function automatonAccepts(states: Automaton, text: string): boolean {
  let state = states[0];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    const edge = state?.edges.find(([from, to]) => from <= point && point <= to);
    state = edge === undefined ? undefined : states[edge[2]];
  }
  return state?.accepts ?? false;
}

/** The lengths of the shortest and of the longest text in code points; Infinity when there is no longest. */
export function automatonLengths(states: Automaton): { readonly least: number; readonly most: number } {
  const order = topologicalOrder(states);
  const most = new Map<number, number>();
  if (order !== undefined) for (const state of order) most.set(state, longestFrom(states, state, most));
  return { least: shortestLength(states), most: order === undefined ? Infinity : (most.get(0) ?? 0) };
}

/** Every state after those it leads to; undefined when there is a cycle. */
export function topologicalOrder(states: Automaton): number[] | undefined {
  const before = states.map((): number[] => []);
  const open = states.map(({ edges }) => new Set(edges.map(([, , to]) => to)).size);
  for (const [state, { edges }] of states.entries())
    for (const to of new Set(edges.map(([, , target]) => target))) before[to]?.push(state);
  const order = [...states.keys()].filter((state) => open[state] === 0);
  for (const state of order)
    for (const other of before[state] ?? []) {
      const left = (open[other] ?? 0) - 1;
      open[other] = left;
      if (left === 0) order.push(other);
    }
  return order.length === states.length ? order : undefined;
}

/** Edges side by side to one state are one. */
export function joinEdges(edges: readonly Edge<number>[]): readonly Edge<number>[] {
  const all: [number, number, number][] = [];
  for (const [from, to, state] of edges) {
    const last = all.at(-1);
    if (last !== undefined && last[2] === state && last[1] + 1 === from) last[1] = to;
    else all.push([from, to, state]);
  }
  return all;
}

// --- internal ---

type Pair = readonly [number | null, number | null];

const kDead: AutomatonState = { accepts: false, edges: [] };

function stateAt(states: Automaton, state: number | null): AutomatonState {
  return (state === null ? undefined : states[state]) ?? kDead;
}

/** Cuts the code points where either has a border. */
function pairEdges(a: readonly Edge<number>[], b: readonly Edge<number>[]): Edge<Pair>[] {
  const pairs: Edge<Pair>[] = [];
  let at = 0;
  for (let i = 0, j = 0; ; ) {
    while ((a[i]?.[1] ?? Infinity) < at) i++;
    while ((b[j]?.[1] ?? Infinity) < at) j++;
    const [left, right] = [a[i], b[j]];
    if (left === undefined && right === undefined) return pairs;
    at = Math.max(at, Math.min(left?.[0] ?? Infinity, right?.[0] ?? Infinity));
    const inLeft = left !== undefined && left[0] <= at;
    const inRight = right !== undefined && right[0] <= at;
    const leftBorder = left === undefined ? Infinity : inLeft ? left[1] : left[0] - 1;
    const rightBorder = right === undefined ? Infinity : inRight ? right[1] : right[0] - 1;
    const to = Math.min(leftBorder, rightBorder);
    pairs.push([at, to, [inLeft ? left[2] : null, inRight ? right[2] : null]]);
    at = to + 1;
  }
}

function aliveStates(states: Automaton): Set<number> {
  const before = states.map((): number[] => []);
  for (const [state, { edges }] of states.entries()) for (const [, , to] of edges) before[to]?.push(state);
  const alive = new Set<number>();
  for (const [state, { accepts }] of states.entries()) if (accepts) alive.add(state);
  for (const state of alive) for (const other of before[state] ?? []) alive.add(other);
  const reached = new Set([0]);
  for (const state of reached) for (const [, , to] of states[state]?.edges ?? []) reached.add(to);
  return new Set([...alive].filter((state) => reached.has(state)));
}

function shortestLength(states: Automaton): number {
  let front = new Set([0]);
  for (let length = 0; length <= states.length; length++) {
    const next = new Set<number>();
    for (const state of front) {
      if (states[state]?.accepts === true) return length;
      for (const [, , to] of states[state]?.edges ?? []) next.add(to);
    }
    front = next;
  }
  return Infinity;
}

function longestFrom(states: Automaton, state: number, known: ReadonlyMap<number, number>): number {
  return (states[state]?.edges ?? []).reduce((most, [, , to]) => Math.max(most, 1 + (known.get(to) ?? 0)), 0);
}
