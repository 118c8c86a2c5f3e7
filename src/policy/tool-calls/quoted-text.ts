// Whether a part of a text is shown rather than said: in quotation marks, in inline code, in a quoted line of Markdown.
import { escapePattern } from "../../base/match-at.js";

/**
 * @param lead  what is written before the part, since the last paragraph or whatever ended talk of the same kind
 * @param after  what follows the part
 * @param shape  what parts of this kind begin and end with
 */
export function isQuoted(lead: string, after: string, { marks, closers }: Shape): boolean {
  const line = lead.slice(lead.lastIndexOf("\n") + 1);
  if (/^ {0,3}>/.test(line) || isApostropheQuote(lead, after)) return true;
  const open = kMarks.filter(([open, close]) => isOpenIn(lead, open, close));
  if (open.length === 0) return false;
  // Alone on its lines it is quoted by the marks next to it; within a line, by those around it.
  const isAlone = line.trim() === "" && /^[ \t]*(?:\n|$)/.test(after);
  if (!isAlone) return open.some(([, close]) => closesBehind(after, close, { marks, closers }));
  const [before, behind] = [lead.trimEnd().slice(-1), after.trimStart().slice(0, 1)];
  return open.some(([open, close]) => before === open && behind === close);
}

/** What parts of a kind begin and end with. */
export interface Shape {
  readonly marks: readonly string[];
  readonly closers: readonly string[];
}

/** The text after the last empty line. */
export function lastParagraph(text: string): string {
  return text.split(kParagraph).at(-1) ?? "";
}

/** Whether the character before `at` opens a quotation of what stands there. */
export function followsQuote(text: string, at: number): boolean {
  return at > 0 && /["'`“„‘«「『]/.test(text.charAt(at - 1));
}

// --- internal ---

const kParagraph = /\n[ \t]*\n/;

const kMarks: readonly (readonly [open: string, close: string])[] = [
  ['"', '"'],
  ["`", "`"],
  ["“", "”"],
  ["„", "“"],
  ["‘", "’"],
  ["«", "»"],
  ["「", "」"],
  ["『", "』"],
];

/** In the same paragraph; a call's own quotation marks close nothing. */
function closesBehind(after: string, close: string, { marks: opening, closers }: Shape): boolean {
  const call = `(?:${oneOf(opening)}).*?(?:${oneOf(closers)})`;
  const marks = new RegExp(`${call}|\\n[ \\t]*\\n|${close}`, "gs");
  for (const [mark] of after.matchAll(marks)) {
    if (mark === close) return true;
    if (mark.startsWith("\n")) return false;
  }
  return false;
}

function oneOf(texts: readonly string[]): string {
  return texts.map(escapePattern).join("|");
}

function isOpenIn(lead: string, open: string, close: string): boolean {
  if (open !== close) return lead.lastIndexOf(open) > lead.lastIndexOf(close);
  // A run of backticks is one mark, as in Markdown.
  if (open === "`") return [...lead.matchAll(/`+/g)].length % 2 === 1;
  let isOpen = false;
  // What opens behind a digit are inches.
  for (const { index } of lead.matchAll(/"/g)) isOpen = !isOpen && !/\d/.test(lead.charAt(index - 1));
  return isOpen;
}

/** An apostrophe quotes only where no letter stands before it. */
function isApostropheQuote(lead: string, after: string): boolean {
  return /(?:^|[^\p{L}\p{N}'])'\s*$/u.test(lead) && after.trimStart().startsWith("'");
}
