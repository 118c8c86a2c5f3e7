// Text by characters (code points), as Python counts, cuts and compares it; JavaScript's units are halves of some.

/** The characters of a text, each a text. */
export function characters(text: string): readonly string[] {
  return Array.from(text);
}

/** How many characters a text has. */
export function countCharacters(text: string): number {
  if (!kSurrogate.test(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** By code points: negative, zero, positive. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!kSurrogate.test(a) && !kSurrogate.test(b)) return a < b ? -1 : 1;
  const right = Array.from(b);
  let i = 0;
  for (const unit of a) {
    const other = right[i++];
    if (other === undefined) return 1;
    if (unit !== other) return (unit.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  }
  return -1;
}

/** Python's white space: unlike JavaScript's \s it has the separators 1C to 1F and NEL, and not the byte order mark. */
export const kSpace = "(?:[^\\S\\ufeff]|[\\x1c-\\x1f\\x85])";

export function isSpace(text: string): boolean {
  return kAllSpace.test(text);
}

/**
 * str.strip, lstrip and rstrip.
 * @param chars  what is stripped: any of these characters; undefined: white space
 */
export function stripText(text: string, side: "both" | "left" | "right", chars?: string): string {
  if (chars === undefined) {
    const left = side === "right" ? text : text.replace(kLeading, "");
    return side === "left" ? left : left.slice(0, endOfText(left));
  }
  const units = Array.from(text);
  const set = new Set(chars);
  const start = side === "right" ? 0 : units.findIndex((unit) => !set.has(unit));
  const end = side === "left" ? units.length - 1 : units.findLastIndex((unit) => !set.has(unit));
  return start === -1 ? "" : units.slice(start, end + 1).join("");
}

// --- internal ---

const kSurrogate = /[\ud800-\udfff]/;
const kAllSpace = new RegExp(`^${kSpace}+$`);
const kLeading = new RegExp(`^${kSpace}+`);
const kOne = new RegExp(kSpace);

// By hand: a pattern that ends in $ is tried at every run of white space, to its end.
function endOfText(text: string): number {
  let end = text.length;
  while (end > 0 && kOne.test(text.charAt(end - 1))) end--;
  return end;
}
