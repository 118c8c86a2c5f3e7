// The grammar of what schema nodes allow together, kind by kind.
import type { Alternative, Constants, NumberKind } from "./alternatives.js";
import { isUnbounded } from "./alternatives.js";
import { exploreAutomaton } from "./automaton.js";
import type { GrammarNode } from "./grammar.js";
import { spellJson } from "./json-spelling.js";
import { numberAutomaton } from "./number-bounds.js";
import type { SchemaNode } from "./schema-document.js";
import { refusedKeyword } from "./schema-refusal.js";
import { writeArray } from "./write-array.js";
import { writeObject } from "./write-object.js";
import { writeString } from "./write-string.js";
import { choiceOf, kNothing, textNode, type Writer } from "./writer.js";

/** @throws E_ARGUMENT, here or when the writer finishes, for what cannot be enforced */
export function writeValue(writer: Writer, nodes: readonly SchemaNode[]): GrammarNode {
  return writer.rule(`value ${writer.opener.key(nodes)}`, () => {
    const alternatives = writer.opener.all(nodes);
    return choiceOf(alternatives.map((alternative) => writeAlternative(writer, alternative)));
  });
}

// --- internal ---

function writeAlternative(writer: Writer, alternative: Alternative): GrammarNode {
  const value = (nodes: readonly SchemaNode[]) => writeValue(writer, nodes);
  switch (alternative.kind) {
    case "constants":
      return writeConstants(alternative, writer);
    case "number":
      return writeNumber(writer, alternative);
    case "string":
      return writeString(writer, alternative);
    case "array":
      return isUnbounded(alternative)
        ? writer.rule("array", () => writeArray(writer, value, alternative))
        : writeArray(writer, value, alternative);
    case "object":
      return isUnbounded(alternative)
        ? writer.rule("object", () => writeObject(writer, value, alternative))
        : writeObject(writer, value, alternative);
  }
}

function writeConstants({ values }: Constants, { document }: Writer): GrammarNode {
  const texts = new Set<string>();
  for (const value of values) {
    const text = spellJson(value) ?? "";
    document.spend(Math.ceil(text.length / 8), null);
    texts.add(text);
  }
  const [only] = texts;
  return texts.size === 1 && only !== undefined ? textNode(only) : textsAutomaton([...texts]);
}

interface Prefix {
  readonly at: number;
  /** Of the sorted texts, those that begin with what has been read. */
  readonly from: number;
  readonly to: number;
}

/** The automaton of a list of texts, which share their beginnings. */
function textsAutomaton(texts: readonly string[]): GrammarNode {
  const sorted = texts
    .map((text) => Array.from(text, (character) => character.codePointAt(0) ?? 0))
    .sort(comparePoints);
  const states = exploreAutomaton<Prefix>(
    { at: 0, from: 0, to: sorted.length },
    ({ at, from }) => `${at} ${from}`,
    ({ at, from, to }) => {
      const edges: [number, number, Prefix][] = [];
      const accepts = sorted[from]?.length === at;
      for (let index = accepts ? from + 1 : from; index < to; ) {
        const point = sorted[index]?.[at] ?? 0;
        const first = index;
        while (index < to && sorted[index]?.[at] === point) index++;
        edges.push([point, point, { at: at + 1, from: first, to: index }]);
      }
      return { accepts, edges };
    },
    Infinity,
  );
  return { kind: "automaton", states: states ?? [] };
}

function comparePoints(a: readonly number[], b: readonly number[]): number {
  for (const [index, point] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (point !== other) return point - other;
  }
  return a.length - b.length;
}

function writeNumber(writer: Writer, { isInteger, min, max, divisors, path }: NumberKind): GrammarNode {
  const divisor = divisors.reduce((all, one) => (all / greatestCommon(all, one)) * one, 1);
  const multipleOf = divisor === 1 ? null : divisor;
  return writer.rule(`number ${isInteger} ${min} ${max} ${divisor}`, () => {
    const states = numberAutomaton({ isInteger, min, max, multipleOf });
    if (states === undefined)
      throw refusedKeyword("multipleOf", path, "leave it out: its automaton is too large");
    writer.document.spend(states.length, path);
    return states.length === 0 ? kNothing : { kind: "automaton", states };
  });
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? a : greatestCommon(b, a % b);
}
