// Finding, splitting and replacing as Python's text does it. Places are counted in characters.
import { countCharacters, kSpace } from "./text.js";

/** str.find and rfind: -1 where there is none. */
export function findText(text: string, part: string, side: "first" | "last"): number {
  const at = side === "first" ? text.indexOf(part) : text.lastIndexOf(part);
  return at < 0 ? -1 : countCharacters(text.slice(0, at));
}

/** str.replace: the first `count`, all for a negative one. */
export function replaceText(text: string, old: string, other: string, count: number): string {
  if (count < 0 && old !== "") return text.replaceAll(old, () => other);
  if (count === 0) return text;
  // Nothing stands before every character and at the end.
  const pieces = old === "" ? ["", ...text, ""] : text.split(old);
  const most = count < 0 ? pieces.length - 1 : Math.min(count, pieces.length - 1);
  let out = pieces[0] ?? "";
  for (let i = 1; i < pieces.length; i++) out += (i <= most ? other : old) + (pieces[i] ?? "");
  return out;
}

/** str.split and rsplit at a separator: at most `most` times, always for a negative one. */
export function splitAt(text: string, by: string, most: number, side: "left" | "right"): string[] {
  if (by === "") throw new RangeError("split: empty separator");
  const parts = text.split(by);
  if (most < 0 || parts.length - 1 <= most) return parts;
  if (side === "left") return [...parts.slice(0, most), parts.slice(most).join(by)];
  const kept = parts.length - most;
  return [parts.slice(0, kept).join(by), ...parts.slice(kept)];
}

/** str.split and rsplit at white space. */
export function splitWords(text: string, most: number, side: "left" | "right"): string[] {
  const words = [...text.matchAll(kWord)];
  if (most < 0 || words.length <= most) return words.map(([word]) => word);
  if (side === "left") {
    const rest = words[most];
    const before = words.slice(0, most).map(([word]) => word);
    return rest === undefined ? before : [...before, text.slice(rest.index)];
  }
  const kept = words.slice(words.length - most);
  const end = words[words.length - most - 1];
  const head = end === undefined ? "" : text.slice(0, end.index + end[0].length);
  return [head, ...kept.map(([word]) => word)];
}

/** str.splitlines: all of Python's line ends, the last of which ends no further line. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(kLineEnd)) {
    lines.push(text.slice(start, keepEnds ? index + end.length : index));
    start = index + end.length;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** str.partition and rpartition. */
export function partition(text: string, by: string, side: "first" | "last"): [string, string, string] {
  if (by === "") throw new RangeError("partition: empty separator");
  const at = side === "first" ? text.indexOf(by) : text.lastIndexOf(by);
  if (at < 0) return side === "first" ? [text, "", ""] : ["", "", text];
  return [text.slice(0, at), by, text.slice(at + by.length)];
}

// --- internal ---

const kWord = new RegExp(`(?:(?!${kSpace})[^])+`, "g");
const kSeparators = "\x1c-\x1e\x85\u2028\u2029";
const kLineEnd = new RegExp(`\r\n|[\n\r\v\f${kSeparators}]`, "g");
