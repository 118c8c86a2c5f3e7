// The added tokens of a tokenizer.json: found in a text before anything else, the leftmost first, of those the longest.
import { escapePattern } from "../../../base/match-at.js";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Not inside of a word. */
  readonly singleWord: boolean;
  /** With the white space before it, and after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** Text between tokens, or a token. */
export type Section = { readonly text: string; readonly isStart: boolean } | { readonly id: number };

/** Yields undefined every few milliseconds where nothing is found. */
export type SectionSplitter = (text: string, isStart: boolean) => Generator<Section | undefined, void>;

export function createSectionSplitter(tokens: readonly AddedToken[]): SectionSplitter {
  if (tokens.length === 0) {
    return function* (text, isStart) {
      if (text !== "") yield { text, isStart };
    };
  }
  const byContent = new Map<string, AddedToken>();
  for (const token of tokens) if (!byContent.has(token.content)) byContent.set(token.content, token);
  const search = createSearch([...byContent.keys()]);
  return function* (text, isStart) {
    const between = (start: number, end: number) => ({
      text: text.slice(start, end),
      isStart: isStart && start === 0,
    });
    let last = 0;
    for (const found of search(text)) {
      const token = found === undefined ? undefined : byContent.get(found.content);
      if (found === undefined || token === undefined) {
        yield undefined;
        continue;
      }
      const end = found.start + token.content.length;
      if (token.singleWord && (isWordBefore(text, found.start) || isWordAt(text, end))) continue;
      const start = token.lstrip ? Math.max(last, spacesBefore(text, found.start)) : found.start;
      if (last < start) yield between(last, start);
      last = token.rstrip ? spacesAfter(text, end) : end;
      // White space that the token before has taken may be all there is of this one.
      if (start < last) yield { id: token.id };
    }
    if (last < text.length) yield between(last, text.length);
  };
}

// --- internal ---

const kWindow = 1 << 16;

interface Found {
  readonly start: number;
  readonly content: string;
}

/** Searches a long text window by window; matches do not overlap. */
function createSearch(contents: readonly string[]): (text: string) => Generator<Found | undefined, void> {
  const longest = Math.max(...contents.map(({ length }) => length));
  const regex = alternativesOf(contents);
  return function* (text) {
    let at = 0;
    for (let begin = 0; begin < text.length; begin += kWindow) {
      const end = begin + kWindow;
      const window = text.length <= kWindow ? text : text.slice(begin, end + longest);
      while (at < end) {
        regex.lastIndex = Math.max(0, at - begin);
        const match = regex.exec(window);
        if (match === null || begin + match.index >= end) break;
        at = begin + match.index + match[0].length;
        yield { start: begin + match.index, content: match[0] };
      }
      yield undefined;
    }
  };
}

/** The longest first: an alternative is taken before those after it. */
function alternativesOf(contents: readonly string[]): RegExp {
  const sorted = contents.toSorted((a, b) => b.length - a.length);
  return new RegExp(sorted.map(escapePattern).join("|"), "g");
}

const kWord = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const kWordAt = new RegExp(`^${kWord}`, "u");
const kWordBefore = new RegExp(`${kWord}$`, "u");

const isWordAt = (text: string, at: number): boolean => kWordAt.test(text.slice(at, at + 2));
const isWordBefore = (text: string, at: number): boolean =>
  kWordBefore.test(text.slice(Math.max(0, at - 2), at));

function spacesBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && isSpace(text, start - 1)) start--;
  return start;
}

function spacesAfter(text: string, start: number): number {
  let end = start;
  while (end < text.length && isSpace(text, end)) end++;
  return end;
}

// All white space is of one code unit.
const isSpace = (text: string, at: number): boolean => /\p{White_Space}/u.test(text.charAt(at));
