// Reads ECMAScript's regular expressions (flag u) as far as an automaton can follow them: no lookaround but at the beginning of the text, no back
// references or word borders.
import { complementRanges, type Ranges, toRanges } from "./code-points.js";
import { createPatternReader, type PatternReader } from "./pattern-reader.js";
import { readClass, readEscape } from "./regex-classes.js";

export type Regex =
  | { readonly kind: "class"; readonly ranges: Ranges }
  | { readonly kind: "sequence"; readonly parts: readonly Regex[] }
  | { readonly kind: "choice"; readonly parts: readonly Regex[] }
  | { readonly kind: "repeat"; readonly part: Regex; readonly min: number; readonly max: number | null }
  /** An anchor. */
  | { readonly kind: "start" | "end" };

/** What must, or must not, begin the text as well: `^(?=...)` and `^(?!...)`. */
export interface Lookahead {
  readonly regex: Regex;
  readonly isWanted: boolean;
}

export interface ParsedRegex {
  readonly regex: Regex;
  /** Right behind the anchor that everything else stands behind, too. */
  readonly lookaheads: readonly Lookahead[];
}

/**
 * @param refuse  throws, with why it cannot be followed
 */
export function parseRegex(pattern: string, refuse: (why: string) => never): ParsedRegex {
  checkSyntax(pattern, refuse);
  const reader = createPatternReader(pattern, refuse);
  const lookaheads = readLookaheads(reader);
  const rest = lookaheads.length === 0 ? readChoice(reader, 0) : readSequence(reader, 0);
  // They are of the first branch alone.
  if (reader.sees("|")) return refuse("lookahead in a branch");
  if (!reader.isAtEnd()) refuse(`a closing bracket without its opening one`);
  if (lookaheads.length === 0) return { regex: rest, lookaheads };
  return { regex: { kind: "sequence", parts: [{ kind: "start" }, rest] }, lookaheads };
}

// --- internal ---

const kMostNested = 100;
const kAnyInLine = complementRanges([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);

/** With flag u as JSON schema means it; what is right without the flag alone (such as `\-`) is read as well. */
function checkSyntax(pattern: string, refuse: (why: string) => never): void {
  for (const flags of ["u", ""]) {
    try {
      new RegExp(pattern, flags);
      return;
    } catch (error) {
      if (flags === "") refuse(error instanceof Error ? error.message : String(error));
    }
  }
}

function readLookaheads(reader: PatternReader): Lookahead[] {
  const all: Lookahead[] = [];
  for (;;) {
    const opening = reader.takesMatch(all.length === 0 ? /\^\(\?([=!])/y : /\(\?([=!])/y);
    if (opening === undefined) return all;
    const inner = readChoice(reader, 1);
    if (!reader.takes(")")) return reader.refuse("a bracket that is not closed");
    if (readBounds(reader) !== undefined) return reader.refuse("a lookahead that is repeated");
    const parts: readonly Regex[] = [{ kind: "start" }, inner];
    all.push({ regex: { kind: "sequence", parts }, isWanted: opening[1] === "=" });
  }
}

function readChoice(reader: PatternReader, depth: number): Regex {
  if (depth > kMostNested) return reader.refuse(`brackets nested more than ${kMostNested} deep`);
  const parts = [readSequence(reader, depth)];
  while (reader.takes("|")) parts.push(readSequence(reader, depth));
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "choice", parts };
}

function readSequence(reader: PatternReader, depth: number): Regex {
  const parts: Regex[] = [];
  while (!reader.isAtEnd() && !reader.sees("|") && !reader.sees(")"))
    parts.push(readQuantified(reader, readAtom(reader, depth)));
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "sequence", parts };
}

function readAtom(reader: PatternReader, depth: number): Regex {
  if (reader.takes("^")) return { kind: "start" };
  if (reader.takes("$")) return { kind: "end" };
  if (reader.takes(".")) return { kind: "class", ranges: kAnyInLine };
  if (reader.takes("[")) return { kind: "class", ranges: readClass(reader) };
  if (reader.takes("\\")) return { kind: "class", ranges: readEscape(reader, false) };
  if (reader.takes("(")) return readGroup(reader, depth);
  const point = reader.take();
  return { kind: "class", ranges: toRanges([[point, point]]) };
}

function readGroup(reader: PatternReader, depth: number): Regex {
  if (reader.takes("?") && !reader.takes(":")) {
    for (const [opening, what] of kLookaround) if (reader.takes(opening)) return reader.refuse(what);
    if (!reader.takes("<")) return reader.refuse("flags within a group");
    while (!reader.takes(">")) reader.take();
  }
  const inner = readChoice(reader, depth + 1);
  if (!reader.takes(")")) return reader.refuse("a bracket that is not closed");
  return inner;
}

const kLookaround = [
  ["=", "lookahead"],
  ["!", "lookahead"],
  ["<=", "lookbehind"],
  ["<!", "lookbehind"],
] as const;

function readQuantified(reader: PatternReader, part: Regex): Regex {
  const bounds = readBounds(reader);
  if (bounds === undefined) return part;
  reader.takes("?"); // lazy: the same texts
  if (readBounds(reader) !== undefined) return reader.refuse("a quantifier of a quantifier");
  return { kind: "repeat", part, ...bounds };
}

function readBounds(reader: PatternReader): { min: number; max: number | null } | undefined {
  if (reader.takes("*")) return { min: 0, max: null };
  if (reader.takes("+")) return { min: 1, max: null };
  if (reader.takes("?")) return { min: 0, max: 1 };
  const counted = reader.takesMatch(/\{(\d+)(,(\d*))?\}/);
  if (counted === undefined) return undefined;
  const min = Number(counted[1]);
  if (counted[2] === undefined) return { min, max: min };
  return { min, max: counted[3] === "" ? null : Number(counted[3]) };
}
