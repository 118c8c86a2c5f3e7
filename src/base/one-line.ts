// Text of others in a line of ours: it makes no second line, moves no cursor, turns no reading direction, and is of bounded length.

/** @param most  characters of the text that are shown */
export function oneLine(text: string, most = 4000): string {
  const shown =
    text.length > most ? `${text.slice(0, most)}... (${text.length - most} more characters)` : text;
  return shown.replace(
    kUnprintable,
    (found) => kNames.get(found) ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

// --- internal ---

const kNames: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);
// Controls, line and paragraph separators, marks of direction, halves of characters.
const kUnprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;
