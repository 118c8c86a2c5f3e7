// The automaton of the fewest states for the same texts. Without cycles, states are joined from the ends on; with cycles they are told apart
// until nothing more tells them apart (Moore).
import { type Automaton, joinEdges, topologicalOrder } from "./automaton.js";

/** Large automata with cycles are left as they are: telling apart is of the square of their states. */
export function minimiseAutomaton(states: Automaton): Automaton {
  const order = topologicalOrder(states);
  if (order !== undefined) return merged(states, joinFromEnds(states, order));
  return states.length > kMostCyclic ? states : merged(states, tellApart(states));
}

// --- internal ---

const kMostCyclic = 384;

type State = Automaton[number];

function joinFromEnds(states: Automaton, order: readonly number[]): number[] {
  const classes = states.map(() => 0);
  const numbers = new Map<string, number>();
  for (const index of order) {
    const state = states[index];
    if (state !== undefined)
      classes[index] = numberOf(numbers, `${state.accepts}${signature(state, classes)}`);
  }
  return classes;
}

function tellApart(states: Automaton): number[] {
  let classes: number[] = states.map(({ accepts }) => (accepts ? 1 : 0));
  for (let count = new Set(classes).size; ; ) {
    const numbers = new Map<string, number>();
    const before = classes;
    classes = states.map((state, index) => numberOf(numbers, `${before[index]}${signature(state, before)}`));
    if (numbers.size === count) return classes;
    count = numbers.size;
  }
}

function numberOf(numbers: Map<string, number>, key: string): number {
  const number = numbers.get(key) ?? numbers.size;
  numbers.set(key, number);
  return number;
}

function signature(state: State, classes: readonly number[]): string {
  return joinedEdges(state, classes)
    .map(([from, to, kind]) => `;${from} ${to} ${kind}`)
    .join("");
}

function joinedEdges({ edges }: State, classes: readonly number[]): Automaton[number]["edges"] {
  return joinEdges(edges.map(([from, to, target]) => [from, to, classes[target] ?? 0]));
}

/** The first state stays the first. */
function merged(states: Automaton, classes: readonly number[]): Automaton {
  const numbers = new Map<number, number>();
  const kept: State[] = [];
  for (const [index, state] of states.entries()) {
    const kind = classes[index] ?? 0;
    if (numbers.has(kind)) continue;
    numbers.set(kind, kept.length);
    kept.push(state);
  }
  const renumbered = classes.map((kind) => numbers.get(kind) ?? 0);
  return kept.map((state) => ({ accepts: state.accepts, edges: joinedEdges(state, renumbered) }));
}
