// Classes and escapes of regular expressions as sets of code points.
import { complementRanges, type Ranges, toRanges } from "./code-points.js";
import type { CodePoints } from "./grammar.js";
import type { PatternReader } from "./pattern-reader.js";

/** What stands between "[" and "]"; the first bracket has been read. */
export function readClass(reader: PatternReader): Ranges {
  const isNegated = reader.takes("^");
  const ranges: CodePoints[] = [];
  while (!reader.takes("]")) {
    const first = readMember(reader);
    if (!reader.sees("-") || reader.sees("-]")) {
      ranges.push(...first);
      continue;
    }
    reader.takes("-");
    const last = readMember(reader);
    const [from, to] = [single(first), single(last)];
    if (from === undefined || to === undefined || from > to)
      return reader.refuse("a range in brackets between what is not two characters in order");
    ranges.push([from, to]);
  }
  const set = toRanges(ranges);
  return isNegated ? complementRanges(set) : set;
}

/** What stands after a backslash, which has been read. */
export function readEscape(reader: PatternReader, isInClass: boolean): Ranges {
  const property = reader.takesMatch(/([pP])\{([^}]*)\}/);
  if (property !== undefined) return unicodeProperty(`\\${property[0]}`);
  const spelled = readSpelled(reader);
  if (spelled !== undefined) return [[spelled, spelled]];
  const letter = String.fromCodePoint(reader.take());
  const named = kClasses.get(letter);
  if (named !== undefined) return named;
  const control = kControls.get(letter);
  if (control !== undefined) return [[control, control]];
  if (letter === "b" && isInClass) return [[0x08, 0x08]];
  if (letter === "b" || letter === "B") return reader.refuse(`the word border \\${letter}`);
  if (/[1-9k]/.test(letter)) return reader.refuse("a back reference");
  if (/[a-zA-Z0-9]/.test(letter)) return reader.refuse(`the escape \\${letter}`);
  const point = letter.codePointAt(0) ?? 0;
  return [[point, point]];
}

// --- internal ---

const kDigits: Ranges = [[0x30, 0x39]];
const kWord: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const kSpace: Ranges = toRanges([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);

const kClasses: ReadonlyMap<string, Ranges> = new Map([
  ["d", kDigits],
  ["D", complementRanges(kDigits)],
  ["w", kWord],
  ["W", complementRanges(kWord)],
  ["s", kSpace],
  ["S", complementRanges(kSpace)],
]);
const kControls: ReadonlyMap<string, number> = new Map([
  ["t", 0x09],
  ["n", 0x0a],
  ["v", 0x0b],
  ["f", 0x0c],
  ["r", 0x0d],
]);

function readMember(reader: PatternReader): Ranges {
  if (reader.takes("\\")) return readEscape(reader, true);
  const point = reader.take();
  return [[point, point]];
}

/** A code point by its number: \0, \xHH, \cX, \uHHHH (pairs of halves are one), \u{H}. */
function readSpelled(reader: PatternReader): number | undefined {
  const zero = reader.takesMatch(/0(?!\d)/);
  if (zero !== undefined) return 0;
  const control = reader.takesMatch(/c([a-zA-Z])/);
  if (control?.[1] !== undefined) return control[1].charCodeAt(0) % 32;
  const pair = reader.takesMatch(/u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/);
  if (pair !== undefined)
    return (
      0x10000 +
      (Number.parseInt(`${pair[1]}`, 16) - 0xd800) * 0x400 +
      Number.parseInt(`${pair[2]}`, 16) -
      0xdc00
    );
  const match = reader.takesMatch(/(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,8})\})/);
  if (match === undefined) return undefined;
  return Number.parseInt(`${match[1] ?? match[2] ?? match[3]}`, 16);
}

function single(ranges: Ranges): number | undefined {
  const [only] = ranges;
  return ranges.length === 1 && only !== undefined && only[0] === only[1] ? only[0] : undefined;
}

/** Asked of the engine's own tables, which alone know every property. */
function unicodeProperty(spelled: string): Ranges {
  const property = new RegExp(`${spelled}+`, "gu");
  const ranges: CodePoints[] = [];
  for (let plane = 0; plane < 0x110000; plane += kPlane) {
    if (isUniform(plane)) {
      const isIn = (point: number) => String.fromCodePoint(point).search(property) === 0;
      if (isIn(plane)) ranges.push([plane, plane + kPlane - 3]);
      for (const point of [plane + kPlane - 2, plane + kPlane - 1])
        if (isIn(point)) ranges.push([point, point]);
      continue;
    }
    const width = plane === 0 ? 1 : 2;
    for (const { index, 0: run } of planeText(plane).matchAll(property))
      ranges.push([plane + index / width, plane + (index + run.length) / width - 1]);
  }
  return toRanges(ranges);
}

const kPlane = 0x10000;

/** Planes without characters, and those of private use: alike but for their last two code points. */
function isUniform(plane: number): boolean {
  const number = plane / kPlane;
  return number > 3 && number !== 14;
}

/** Every code point of a plane; spaces for halves of pairs, which would join, and which ranges leave out. */
function planeText(plane: number): string {
  const units = new Uint16Array(plane === 0 ? kPlane : 2 * kPlane);
  for (let at = 0; at < kPlane; at++) {
    if (plane === 0) units[at] = at >= 0xd800 && at <= 0xdfff ? 0x20 : at;
    else {
      units[2 * at] = 0xd800 + ((plane + at - 0x10000) >> 10);
      units[2 * at + 1] = 0xdc00 + (at & 0x3ff);
    }
  }
  return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(units);
}
