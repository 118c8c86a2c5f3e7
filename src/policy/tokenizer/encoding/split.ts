// How a text is split at matches of a pattern: the five behaviors of Hugging Face's tokenizers.

/** Part of a text that is split further. */
export interface Piece {
  readonly text: string;
  /** It begins where the whole text begins. */
  readonly isStart: boolean;
}

export const behaviors = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;
export type Behavior = (typeof behaviors)[number];

/** Start and end of each match of a text, in order. */
export type Matcher = (text: string) => Iterable<readonly [start: number, end: number]>;

/** @param invert  what is between the matches counts as the matches */
export function* split(piece: Piece, matcher: Matcher, behavior: Behavior, invert = false): Generator<Piece> {
  for (const [start, end] of kJoiners[behavior](segments(piece.text, matcher, invert))) {
    if (start < end) yield { text: piece.text.slice(start, end), isStart: piece.isStart && start === 0 };
  }
}

/** Every character that the (global) expression matches, each a match of its own. */
export function charactersOf(regex: RegExp): Matcher {
  return function* (text) {
    let at = 0;
    for (;;) {
      regex.lastIndex = at;
      const match = regex.exec(text);
      if (match === null) return;
      at = match.index + match[0].length;
      yield [match.index, at];
    }
  };
}

// --- internal ---

type Segment = readonly [start: number, end: number, isMatch: boolean];
type Span = readonly [start: number, end: number];

function* segments(text: string, matcher: Matcher, invert: boolean): Generator<Segment> {
  let last = 0;
  for (const [start, end] of matcher(text)) {
    if (last < start) yield [last, start, invert];
    yield [start, end, !invert];
    last = end;
  }
  if (last < text.length) yield [last, text.length, invert];
}

const kJoiners: Readonly<Record<Behavior, (segments: Iterable<Segment>) => Iterable<Span>>> = {
  *Removed(segments) {
    for (const [start, end, isMatch] of segments) if (!isMatch) yield [start, end];
  },
  *Isolated(segments) {
    for (const [start, end] of segments) yield [start, end];
  },
  Contiguous: (segments) => joined(segments, (isMatch, wasMatch) => isMatch === wasMatch),
  MergedWithPrevious: (segments) => joined(segments, (isMatch, wasMatch) => isMatch && !wasMatch),
  MergedWithNext: (segments) => joined(segments, (isMatch, wasMatch) => !isMatch && wasMatch),
};

/** Segments that go with the one before them are joined to it. */
function* joined(
  segments: Iterable<Segment>,
  goesWith: (isMatch: boolean, wasMatch: boolean) => boolean,
): Generator<Span> {
  let open: Segment | undefined;
  for (const segment of segments) {
    const [start, end, isMatch] = segment;
    if (open !== undefined && goesWith(isMatch, open[2])) {
      open = [open[0], end, isMatch];
    } else {
      if (open !== undefined) yield [open[0], open[1]];
      open = [start, end, isMatch];
    }
  }
  if (open !== undefined) yield [open[0], open[1]];
}
