// A matcher that is obviously right: a set of stacks, one code point at a time. A frame is a node, how far it has come (the offset
// of a text or sequence, the count of a repeat, the state of an automaton) and what follows; equal frames are one object.
import type { Grammar, GrammarNode } from "../../src/grammar/grammar.js";

export type Item = number | { readonly token: number };
export type Stack = Frame | "end";

export interface Step {
  /** What may come next: a range of code points, or one token. */
  readonly on: readonly [number, number] | { readonly token: number };
  readonly to: Stack;
}

export interface ReferenceMatcher {
  start(): ReadonlySet<Stack>;
  /** What may come next from a set of stacks, and whether the text may end here. */
  next(stacks: ReadonlySet<Stack>): { readonly steps: readonly Step[]; readonly mayEnd: boolean };
  advance(stacks: ReadonlySet<Stack>, item: Item): ReadonlySet<Stack>;
  accepts(text: string | readonly Item[]): boolean;
  /** How many code points of the text can begin an accepted text. */
  reaches(text: string): number;
  /** The fewest code points from here to an end. */
  distance(stack: Stack): number;
}

export function createReferenceMatcher(grammar: Grammar): ReferenceMatcher {
  const frames = createFrames();
  const shortest = shortestTexts(grammar);
  const next = (stacks: ReadonlySet<Stack>) => expand(grammar, frames, stacks);
  const start = () => new Set<Stack>([frames.make(ruleNode(grammar, 0), 0, "end")]);
  const advance = (stacks: ReadonlySet<Stack>, item: Item) =>
    new Set(
      next(stacks)
        .steps.filter((step) => takes(step.on, item))
        .map(({ to }) => to),
    );
  const accepts = (text: string | readonly Item[]) => {
    let stacks = start();
    for (const item of typeof text === "string" ? codePoints(text) : text)
      stacks = new Set(advance(stacks, item));
    return next(stacks).mayEnd;
  };
  const reaches = (text: string) => {
    let stacks = start();
    let count = 0;
    for (const item of codePoints(text)) {
      stacks = new Set(advance(stacks, item));
      if (stacks.size === 0) return count;
      count++;
    }
    return count;
  };
  const distance = (stack: Stack): number => {
    let sum = 0;
    for (let at = stack; at !== "end"; at = at.next) sum += rest(at, shortest);
    return sum;
  };
  return { start, next, advance, accepts, reaches, distance };
}

export function codePoints(text: string): number[] {
  return Array.from(text, (point) => point.codePointAt(0)!);
}

// --- internal ---

interface Frame {
  readonly id: number;
  readonly node: GrammarNode;
  readonly at: number;
  readonly next: Stack;
}

interface Frames {
  make(node: GrammarNode, at: number, next: Stack): Frame;
}

function createFrames(): Frames {
  const nodes = new Map<GrammarNode, number>();
  const frames = new Map<string, Frame>();
  return {
    make(node, at, next) {
      if (!nodes.has(node)) nodes.set(node, nodes.size);
      const key = `${nodes.get(node)} ${at} ${next === "end" ? "end" : next.id}`;
      const frame = frames.get(key) ?? { id: frames.size, node, at, next };
      frames.set(key, frame);
      return frame;
    },
  };
}

function takes(on: Step["on"], item: Item): boolean {
  if ("token" in on) return typeof item === "object" && item.token === on.token;
  return typeof item === "number" && on[0] <= item && item <= on[1];
}

function ruleNode(grammar: Grammar, rule: number): GrammarNode {
  const node = grammar.rules[rule];
  if (node === undefined) throw new Error(`no rule ${rule}`);
  return node;
}

function expand(grammar: Grammar, frames: Frames, stacks: ReadonlySet<Stack>) {
  const steps: Step[] = [];
  const seen = new Set<Stack>(stacks);
  for (const stack of seen) {
    if (stack === "end") continue;
    const found = open(grammar, frames, stack);
    steps.push(...found.steps);
    for (const other of found.stacks) seen.add(other);
  }
  return { steps, mayEnd: seen.has("end") };
}

/** One frame: what it reads, and the stacks that it is the same as without reading anything. */
function open(grammar: Grammar, frames: Frames, frame: Frame): { steps: Step[]; stacks: Stack[] } {
  const { node, at, next } = frame;
  const again = (place: number) => frames.make(node, place, next);
  switch (node.kind) {
    case "text": {
      const point = node.text.codePointAt(at);
      if (point === undefined) return { steps: [], stacks: [next] };
      return { steps: [{ on: [point, point], to: again(at + (point > 0xffff ? 2 : 1)) }], stacks: [] };
    }
    case "class":
      return { steps: node.ranges.map((on) => ({ on, to: next })), stacks: [] };
    case "sequence": {
      const part = node.nodes[at];
      if (part === undefined) return { steps: [], stacks: [next] };
      return { steps: [], stacks: [frames.make(part, 0, at + 1 < node.nodes.length ? again(at + 1) : next)] };
    }
    case "choice":
      return { steps: [], stacks: node.nodes.map((part) => frames.make(part, 0, next)) };
    case "repeat": {
      const stacks: Stack[] = at >= node.min ? [next] : [];
      const count = node.max === null ? Math.min(at + 1, node.min) : at + 1;
      if (node.max === null || at < node.max) stacks.push(frames.make(node.node, 0, again(count)));
      return { steps: [], stacks };
    }
    case "rule":
      return { steps: [], stacks: [frames.make(ruleNode(grammar, node.rule), 0, next)] };
    case "automaton": {
      const state = node.states[at]!;
      return {
        steps: state.edges.map(([from, to, target]) => ({ on: [from, to] as const, to: again(target) })),
        stacks: state.accepts ? [next] : [],
      };
    }
    case "token":
      return { steps: [{ on: { token: node.id }, to: next }], stacks: [] };
  }
}

interface Shortest {
  of(node: GrammarNode): number;
}

/** Lengths of shortest texts, by going over the rules until nothing changes. */
function shortestTexts(grammar: Grammar): Shortest {
  const rules = grammar.rules.map(() => Infinity);
  const of = (node: GrammarNode): number => {
    switch (node.kind) {
      case "text":
        return codePoints(node.text).length;
      case "sequence":
        return node.nodes.reduce((sum, part) => sum + of(part), 0);
      case "choice":
        return node.nodes.reduce((least, part) => Math.min(least, of(part)), Infinity);
      case "repeat":
        return node.min === 0 ? 0 : node.min * of(node.node);
      case "rule":
        return rules[node.rule]!;
      case "automaton":
        return automatonDistances(node)[0]!;
      default:
        return 1;
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [rule, node] of grammar.rules.entries()) {
      const length = of(node);
      changed ||= length !== rules[rule];
      rules[rule] = length;
    }
  }
  return { of };
}

const distancesByNode = new WeakMap<GrammarNode, number[]>();

function automatonDistances(node: GrammarNode & { kind: "automaton" }): number[] {
  const known = distancesByNode.get(node);
  if (known !== undefined) return known;
  const distances = node.states.map(({ accepts }) => (accepts ? 0 : Infinity));
  for (let changed = true; changed; ) {
    changed = false;
    for (const [state, { edges }] of node.states.entries())
      for (const [, , target] of edges) {
        if (distances[target]! + 1 >= distances[state]!) continue;
        distances[state] = distances[target]! + 1;
        changed = true;
      }
  }
  distancesByNode.set(node, distances);
  return distances;
}

/** The fewest code points that finish one frame. */
function rest({ node, at }: Frame, shortest: Shortest): number {
  switch (node.kind) {
    case "text":
      return codePoints(node.text.slice(at)).length;
    case "sequence":
      return node.nodes.slice(at).reduce((sum, part) => sum + shortest.of(part), 0);
    case "repeat":
      return at >= node.min ? 0 : (node.min - at) * shortest.of(node.node);
    case "automaton":
      return automatonDistances(node)[at]!;
    default:
      return shortest.of(node);
  }
}
