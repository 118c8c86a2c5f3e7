// A schema's strings as forms write them that have no quotes: the text itself, in which the marker that ends it does not occur.

import type { Alternative, StringKind } from "./alternatives.js";
import { createOpener } from "./alternatives-of.js";
import { type Automaton, combineAutomata } from "./automaton.js";
import { kAnyCodePoint, type Ranges, subtractRanges } from "./code-points.js";
import { markerStates, type Part } from "./compose.js";
import type { GrammarNode } from "./grammar.js";
import { kMostStates } from "./regex.js";
import { createSchemaDocument } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";
import { testsAutomaton } from "./string-tests.js";
import { anyText, lengthAutomaton } from "./text-automata.js";
import { allowsValue } from "./value-check.js";

/** What a schema says of values that stand without quotes. */
export interface RawSchema {
  allows(value: unknown): boolean;
  /**
   * Its strings without quotes; undefined where it allows none.
   * @param marker  where they end; it does not occur in them
   * @param isMixed  values of other kinds stand in the same place: no string begins as one of them does
   * @throws E_ARGUMENT for tests and lengths that are too large together
   */
  strings(marker: string, isMixed: boolean): Part | undefined;
}

/** @throws E_ARGUMENT for a schema that cannot be enforced */
export function readRawSchema(schema: unknown): RawSchema {
  const document = createSchemaDocument(schema);
  const opener = createOpener(document);
  const alternatives = opener.all([document.root]);
  opener.settle();
  return {
    allows: (value) => alternatives.some((one) => allowsValue(opener, one, value)),
    strings(marker, isMixed) {
      const nodes = alternatives.flatMap((one) => stringNodes(one, marker, isMixed));
      return nodes.length === 0 ? undefined : () => ({ kind: "choice", nodes });
    },
  };
}

// --- internal ---

/** What JSON and Python begin values with that are no text. */
const kLiteral = /^[\s\-\d[{("'tfnTFN]/;
const kLiteralBegins: Ranges = Array.from(
  "\t\n\r \"'(-0123456789FNT[fnt{",
  (mark) => [mark.charCodeAt(0), mark.charCodeAt(0)] as const,
);

function stringNodes(one: Alternative, marker: string, isMixed: boolean): GrammarNode[] {
  if (one.kind === "constants")
    return one.values.flatMap((value): GrammarNode[] => {
      const isGood =
        typeof value === "string" && !value.includes(marker) && !(isMixed && kLiteral.test(value));
      return isGood ? [{ kind: "text", text: value }] : [];
    });
  return one.kind === "string" ? [writeText(one, marker, isMixed)] : [];
}

function writeText(kind: StringKind, marker: string, isMixed: boolean): GrammarNode {
  const { tests, min, max, path } = kind;
  const tested = tests.length === 0 ? anyText() : testsAutomaton(tests);
  const without = isMixed ? plainBeginning() : undefined;
  const base = tested && without ? combineAutomata(tested, without, "both", kMostStates) : tested;
  const isLong = (max ?? min) > kLongest;
  // Of counted texts the marker's first character is taken out, so that only the count remains to be kept.
  if (isLong && tests.length === 0 && !isMixed) return counted(marker, min, max);
  const marked = base && combineAutomata(base, markerStates(marker, false), "both", kMostStates);
  const all =
    marked && (min > 0 || max !== null)
      ? combineAutomata(marked, lengthAutomaton(min, max), "both", 4 * kMostStates)
      : marked;
  if (all === undefined)
    throw refusedKeyword(
      max === null ? "pattern" : "maxLength",
      path,
      "it is too large for a text without quotes",
    );
  return all.length === 0 ? { kind: "choice", nodes: [] } : { kind: "automaton", states: all };
}

const kLongest = 200;

function counted(marker: string, min: number, max: number | null): GrammarNode {
  const first = marker.codePointAt(0) ?? 0;
  const ranges = subtractRanges(kAnyCodePoint, [[first, first]]);
  return { kind: "repeat", node: { kind: "class", ranges }, min, max };
}

/** Texts that begin as no literal does, the empty one too. */
function plainBeginning(): Automaton {
  const begins = subtractRanges(kAnyCodePoint, kLiteralBegins);
  return [
    { accepts: true, edges: begins.map(([from, to]) => [from, to, 1]) },
    { accepts: true, edges: kAnyCodePoint.map(([from, to]) => [from, to, 1]) },
  ];
}
