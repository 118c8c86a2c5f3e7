// A string of a template, between its quotes, as jinja2 reads it: through Python's codec "unicode-escape".
import { SyntaxFault } from "./syntax-fault.js";

/** @throws SyntaxFault for escapes that Python refuses, and for characters by name */
export function readString(inner: string, line: number): string {
  if (!inner.includes("\\")) return inner;
  // A backslash before a character outside ASCII stays, and so does the character's escape, as the codec is only given ASCII.
  return toAscii(inner).replace(kEscape, (all, sequence: string) => {
    const kind = sequence.charAt(0);
    if (kind === "\n") return "";
    const simple = kSimple.get(kind);
    if (simple !== undefined && sequence.length === 1) return simple;
    if (/^[0-7]/.test(kind)) return String.fromCodePoint(Number.parseInt(sequence, 8));
    if (!kHexDigits.has(kind)) return all;
    const code = Number.parseInt(sequence.slice(1), 16);
    if (sequence.length - 1 === kHexDigits.get(kind) && code <= 0x10ffff) return String.fromCodePoint(code);
    throw new SyntaxFault(`an escape that cannot be read, ${JSON.stringify(all)},`, line);
  });
}

// --- internal ---

const kEscape = /\\(x[\da-fA-F]{0,2}|u[\da-fA-F]{0,4}|U[\da-fA-F]{0,8}|N|[0-7]{1,3}|[\s\S])/g;
const kHexDigits: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
  ["N", -1],
]);
const kSimple: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

function toAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, (unit) => {
    const code = unit.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}
