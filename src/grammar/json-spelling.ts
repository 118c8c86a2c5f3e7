// JSON as a constrained answer writes it: on one line, ", " and ": " between, strings as JSON.stringify spells them.
import { type Automaton, exploreAutomaton, type Opened } from "./automaton.js";
import { type Ranges, subtractRanges } from "./code-points.js";

/** @returns undefined for what is nested more than 200 deep or is no JSON */
export function spellJson(value: unknown, depth = 0): string | undefined {
  if (depth > kMostNested) return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? JSON.stringify(value) : undefined;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map((item) => spellJson(item, depth + 1))
    : Object.entries(value).map(([name, item]) => spellMember(name, spellJson(item, depth + 1)));
  if (parts.includes(undefined)) return undefined;
  return Array.isArray(value) ? `[${parts.join(", ")}]` : `{${parts.join(", ")}}`;
}

/** The same text for equal values: objects are equal in any order of their properties. */
export function spellSorted(value: unknown): string | undefined {
  return typeof value === "object" && value !== null ? spellJson(sorted(value)) : spellJson(value);
}

/** The text between the quotes of strings whose content the automaton accepts; with the quotes where asked. */
export function spelledAutomaton(content: Automaton, isQuoted: boolean): Automaton {
  const open = (state: State): Opened<State> => {
    if (state.at === "open")
      return { accepts: false, edges: [[kQuote, kQuote, { at: "content", state: 0 }]] };
    if (state.at === "escape") return { accepts: false, edges: openEscape(state) };
    if (state.at === "content") return openContent(content, state.state, isQuoted);
    return { accepts: true, edges: [] };
  };
  if (content.length === 0) return [];
  const start: State = isQuoted ? { at: "open" } : { at: "content", state: 0 };
  // Six states of escapes at most for each state.
  return exploreAutomaton(start, keyOf, open, content.length * 8 + 2) ?? [];
}

// --- internal ---

const kMostNested = 200;
const kQuote = 0x22;
const kBackslash = 0x5c;
const kEscaped: Ranges = [
  [0, 0x1f],
  [kQuote, kQuote],
  [kBackslash, kBackslash],
];
/** The letter after a backslash, by code point; the other controls are \u00XX. */
const kShort: ReadonlyMap<number, string> = new Map([
  [0x08, "b"],
  [0x09, "t"],
  [0x0a, "n"],
  [0x0c, "f"],
  [0x0d, "r"],
  [kQuote, '"'],
  [kBackslash, "\\"],
]);

/** Where each escaped code point leads. */
type Targets = ReadonlyMap<number, number>;
type State =
  | { readonly at: "open" }
  | { readonly at: "closed" }
  | { readonly at: "content"; readonly state: number }
  | { readonly at: "escape"; readonly read: string; readonly targets: Targets };

function keyOf(state: State): string {
  if (state.at === "content") return `${state.state}`;
  return state.at === "escape" ? `${state.read} ${[...state.targets]}` : state.at;
}

function spellMember(name: string, value: string | undefined): string | undefined {
  return value === undefined ? undefined : `${JSON.stringify(name)}: ${value}`;
}

function openContent(content: Automaton, state: number, isQuoted: boolean): Opened<State> {
  const { accepts, edges } = content[state] ?? { accepts: false, edges: [] };
  const all: [number, number, State][] = [];
  const targets = new Map<number, number>();
  for (const [from, to, target] of edges) {
    for (const [first, last] of subtractRanges([[from, to]], kEscaped))
      all.push([first, last, { at: "content", state: target }]);
    for (const [first, last] of kEscaped)
      for (let point = Math.max(from, first); point <= Math.min(to, last); point++)
        targets.set(point, target);
  }
  if (targets.size > 0) all.push([kBackslash, kBackslash, { at: "escape", read: "", targets }]);
  if (isQuoted && accepts) all.push([kQuote, kQuote, { at: "closed" }]);
  return { accepts: accepts && !isQuoted, edges: all.sort((a, b) => a[0] - b[0]) };
}

/** The next characters of the escapes of which some have been read. */
function openEscape({ read, targets }: State & { at: "escape" }): [number, number, State][] {
  const next = new Map<number, State>();
  for (const [point, state] of targets) {
    const spelled = kShort.get(point) ?? `u${point.toString(16).padStart(4, "0")}`;
    if (!spelled.startsWith(read)) continue;
    const isLast = spelled.length === read.length + 1;
    const character = spelled.charAt(read.length);
    next.set(
      character.charCodeAt(0),
      isLast ? { at: "content", state } : { at: "escape", read: read + character, targets },
    );
  }
  return [...next].sort((a, b) => a[0] - b[0]).map(([point, state]) => [point, point, state]);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, sorted(item)]));
}
