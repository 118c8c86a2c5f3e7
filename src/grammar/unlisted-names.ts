// The names that an object may have beside its listed ones, in classes: those that match the same patterns, and so have the same schemas.
import type { ObjectKind, ObjectLayer, StringTest } from "./alternatives.js";
import { type Automaton, combineAutomata, exploreAutomaton } from "./automaton.js";
import { complementRanges, kAnyCodePoint, toRanges } from "./code-points.js";
import { unlistedNodes } from "./layers.js";
import type { Opener } from "./opener.js";
import { kMostStates } from "./regex.js";
import type { SchemaNode } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";
import { testsAutomaton } from "./string-tests.js";
import { anyText, lengthAutomaton } from "./text-automata.js";

export interface NameClass {
  readonly names: Automaton;
  readonly nodes: readonly SchemaNode[];
}

/** Names that propertyNames lists, where it lists them; undefined where it lists none. */
export function listedByNames(opener: Opener, { layers, path }: ObjectKind): readonly string[] | undefined {
  const nodes = layers.flatMap(({ names }) => (names === null ? [] : [names]));
  if (nodes.length === 0) return undefined;
  const kinds = opener.all(nodes).filter(({ kind }) => kind === "constants" || kind === "string");
  const names = kinds.flatMap((one) => (one.kind === "constants" ? one.values : []));
  if (kinds.some(({ kind }) => kind === "string")) {
    if (kinds.length > 1 && names.some((name) => typeof name === "string")) throw tooMany(path);
    return undefined;
  }
  return names.filter((name) => typeof name === "string");
}

/**
 * @param listed  names that are written elsewhere
 * @throws E_ARGUMENT when there are too many patterns, or their automata are too large
 */
export function unlistedNames(
  opener: Opener,
  kind: ObjectKind,
  listed: Iterable<string>,
): readonly NameClass[] {
  const { layers } = kind;
  const patterns = allPatterns(layers);
  if (patterns.length > kMostPatterns)
    throw refusedKeyword("patternProperties", kind.path, "use fewer patterns");
  const start = allowedNames(opener, kind, listed);
  let classes: { names: Automaton; matched: readonly StringTest[] }[] = [{ names: start, matched: [] }];
  for (const test of patterns)
    classes = classes.flatMap(({ names, matched }) => [
      { names: combine(names, test.automaton, "both", kind), matched: [...matched, test] },
      { names: combine(names, test.automaton, "first", kind), matched },
    ]);
  const found: NameClass[] = [];
  for (const { names, matched } of classes) {
    const keys = new Set(matched.map(({ key }) => key));
    const nodes = unlistedNodes(layers, (layer, at) => keys.has(layers[layer]?.patterns[at]?.test.key ?? ""));
    if (names.length > 0 && nodes !== "never") found.push({ names, nodes });
  }
  return found;
}

// --- internal ---

/** Their classes are a power of two. */
const kMostPatterns = 5;

function tooMany(path: ObjectKind["path"]): Error {
  return refusedKeyword("propertyNames", path, "give it one list of names, or one schema of text");
}

function allPatterns(layers: readonly ObjectLayer[]): readonly StringTest[] {
  const tests = layers.flatMap(({ patterns }) =>
    patterns.map(({ test }): [string, StringTest] => [test.key, test]),
  );
  return [...new Map(tests).values()];
}

function combine(a: Automaton, b: Automaton, mode: "both" | "first", { path }: ObjectKind): Automaton {
  const found = combineAutomata(a, b, mode, kMostStates);
  if (found === undefined)
    throw refusedKeyword("patternProperties", path, "its automata are too large together");
  return found;
}

/** By propertyNames, and not listed. */
function allowedNames(opener: Opener, kind: ObjectKind, listed: Iterable<string>): Automaton {
  let names = namesOtherThan(listed);
  const nodes = kind.layers.flatMap((layer) => (layer.names === null ? [] : [layer.names]));
  if (nodes.length === 0) return names;
  const texts = opener.all(nodes).filter((one) => one.kind === "string");
  const [text] = texts;
  if (text === undefined) return [];
  if (texts.length > 1) throw tooMany(kind.path);
  if (text.min > 0 || text.max !== null) {
    if ((text.max ?? text.min) > kMostStates) throw tooMany(kind.path);
    names = combine(names, lengthAutomaton(text.min, text.max), "both", kind);
  }
  const tests = text.tests.length === 0 ? anyText() : testsAutomaton(text.tests);
  if (tests === undefined) throw tooMany(kind.path);
  return combine(names, tests, "both", kind);
}

/** A tree of the listed names; off it, anything. */
function namesOtherThan(listed: Iterable<string>): Automaton {
  type Place = { readonly id: number; isName: boolean; readonly next: Map<number, Place> };
  let count = 0;
  const place = (): Place => ({ id: count++, isName: false, next: new Map() });
  const [off, root] = [place(), place()];
  for (const name of listed) {
    let at = root;
    for (const character of name) {
      const point = character.codePointAt(0) ?? 0;
      const next = at.next.get(point) ?? place();
      at.next.set(point, next);
      at = next;
    }
    at.isName = true;
  }
  if (root.next.size === 0 && !root.isName) return anyText();
  const states = exploreAutomaton<Place>(
    root,
    ({ id }) => id,
    ({ id, isName, next }) => {
      const points = [...next.keys()].map((point): [number, number] => [point, point]);
      const others = id === off.id ? kAnyCodePoint : complementRanges(toRanges(points));
      const away = others.map(([from, to]): [number, number, Place] => [from, to, off]);
      const on = [...next].map(([point, to]): [number, number, Place] => [point, point, to]);
      return { accepts: !isName, edges: [...away, ...on].sort((a, b) => a[0] - b[0]) };
    },
    Infinity,
  );
  return states ?? [];
}
