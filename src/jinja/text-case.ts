// Upper, lower and title case as Python has them.

export const upperCase = (text: string): string => text.toUpperCase();
export const lowerCase = (text: string): string => text.toLowerCase();

/** str.capitalize */
export function capitalize(text: string): string {
  const [first = ""] = text;
  return titled(first) + text.slice(first.length).toLowerCase();
}

/** str.title: every run of letters begins in capitals, also behind an apostrophe. */
export function titleCase(text: string): string {
  let isInside = false;
  let out = "";
  for (const unit of text) {
    out += isInside ? unit.toLowerCase() : titled(unit);
    isInside = isCased(unit);
  }
  return out;
}

/** The filter `title`: words end at white space, hyphens and opening brackets. */
export function titleWords(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((word) => {
      const [first = ""] = word;
      return first.toUpperCase() + word.slice(first.length).toLowerCase();
    })
    .join("");
}

export function swapCase(text: string): string {
  return Array.from(text, (unit) => (kUpper.test(unit) ? unit.toLowerCase() : unit.toUpperCase())).join("");
}

/** Whether a text has a letter that is upper or lower case. */
export function isCased(text: string): boolean {
  return kCased.test(text);
}

// --- internal ---

const kCased = /[\p{Lu}\p{Ll}\p{Lt}]/u;
const kUpper = /[\p{Lu}\p{Lt}]/u;

// A few characters have a title case of their own: one of the ligatures of two letters, or of a sharp s.
function titled(unit: string): string {
  const upper = unit.toUpperCase();
  const [first = "", ...rest] = upper;
  return rest.length === 0 ? (kTitles.get(upper) ?? upper) : first + rest.join("").toLowerCase();
}

const kTitles: ReadonlyMap<string, string> = new Map([
  ["Ǆ", "ǅ"],
  ["Ǉ", "ǈ"],
  ["Ǌ", "ǋ"],
  ["Ǳ", "ǲ"],
]);
