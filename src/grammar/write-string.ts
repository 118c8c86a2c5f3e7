// The grammar of strings: their tests as one automaton, their lengths as a count where it can stand alone, else as a product with it.
import type { StringKind } from "./alternatives.js";
import { type Automaton, automatonLengths, combineAutomata } from "./automaton.js";
import { kAnyCodePoint, type Ranges } from "./code-points.js";
import type { GrammarNode } from "./grammar.js";
import { spelledAutomaton } from "./json-spelling.js";
import { kMostStates } from "./regex.js";
import { refusedKeyword } from "./schema-refusal.js";
import { testsAutomaton } from "./string-tests.js";
import { anyText, lengthAutomaton, quotedText } from "./text-automata.js";
import { kNothing, repeatOf, sequenceOf, textNode, type Writer } from "./writer.js";

/** @throws E_ARGUMENT when tests and lengths together are too large */
export function writeString(writer: Writer, kind: StringKind): GrammarNode {
  const { tests, min, max } = kind;
  return writer.rule(`string ${min} ${max} ${JSON.stringify(tests.map(({ key }) => key))}`, () => {
    if (tests.length > 0) return writeTested(writer, kind);
    if (min === 0 && max === null) return quotedText(anyText());
    return counted(writer, kAnyCodePoint, min, max);
  });
}

// --- internal ---

function writeTested(writer: Writer, { tests, min, max, path }: StringKind): GrammarNode {
  const content = testsAutomaton(tests);
  if (content === undefined) throw refusedKeyword("pattern", path, "its automaton is too large");
  if (content.length === 0) return kNothing;
  const lengths = automatonLengths(content);
  if (lengths.least >= min && lengths.most <= (max ?? Infinity)) return quotedText(content);
  const run = asRun(content);
  if (run !== undefined) {
    const most = Math.min(run.max ?? Infinity, max ?? Infinity);
    const least = Math.max(run.min, min);
    return least > most ? kNothing : counted(writer, run.ranges, least, Number.isFinite(most) ? most : null);
  }
  const keyword = max === null ? "minLength" : "maxLength";
  const both =
    content.length * ((max ?? min) + 1) > 4 * kMostStates
      ? undefined
      : combineAutomata(content, lengthAutomaton(min, max), "both", kMostStates);
  if (both === undefined)
    throw refusedKeyword(keyword, path, "say the length within pattern: together they are too large");
  writer.document.spend(both.length, path);
  return quotedText(both);
}

/** `min` to `max` characters of a set, counted. */
function counted(writer: Writer, ranges: Ranges, min: number, max: number | null): GrammarNode {
  const character = writer.rule(
    `character ${ranges.length > 8 ? JSON.stringify(ranges) : ranges.join(" ")}`,
    () => {
      const one: Automaton = [
        { accepts: false, edges: ranges.map(([from, to]) => [from, to, 1]) },
        { accepts: true, edges: [] },
      ];
      return { kind: "automaton", states: spelledAutomaton(one, false) };
    },
  );
  return sequenceOf([textNode('"'), repeatOf(character, min, max), textNode('"')]);
}

/** The automaton as so many characters of one set, where it is no more than that. */
function asRun(states: Automaton): { ranges: Ranges; min: number; max: number | null } | undefined {
  const ranges = (states[0]?.edges ?? []).map(([from, to]): [number, number] => [from, to]);
  const key = ranges.join(" ");
  let [state, read, min] = [0, 0, -1];
  for (; ; read++) {
    const { accepts, edges } = states[state] ?? { accepts: false, edges: [] };
    if (accepts && min < 0) min = read;
    if (min >= 0 && !accepts) return undefined;
    if (edges.length === 0) return { ranges, min, max: read };
    const [next] = new Set(edges.map(([, , to]) => to));
    const isOne = edges.every(([, , to]) => to === next);
    if (next === undefined || !isOne || edges.map(([from, to]) => [from, to]).join(" ") !== key)
      return undefined;
    if (next === state) return min < 0 ? undefined : { ranges, min, max: null };
    if (next < state) return undefined;
    state = next;
  }
}
