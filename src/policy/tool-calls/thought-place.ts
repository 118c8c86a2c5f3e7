// Where an answer's thought stands in its text: <think>...</think> and then the answer proper; the prompt may have begun it.

/** The tags of thoughts, in every family that has some. */
export const kThoughtStart = "<think>";
export const kThoughtEnd = "</think>";

export interface ThoughtPlace {
  readonly start: number;
  /** Where its closing tag begins; null: it goes on to the text's end. */
  readonly end: number | null;
  /** Where the answer proper begins. */
  readonly answer: number;
}

/** @returns undefined for a text without a thought at its beginning */
export function placeThought(text: string, inThought: boolean): ThoughtPlace | undefined {
  const begins = text.length - text.trimStart().length;
  const isOpen = text.startsWith(kThoughtStart, begins);
  if (!inThought && !isOpen) return undefined;
  const start = isOpen ? begins + kThoughtStart.length : 0;
  const end = text.indexOf(kThoughtEnd, start);
  return end < 0
    ? { start, end: null, answer: text.length }
    : { start, end, answer: end + kThoughtEnd.length };
}

/** Whether more text may make it one that begins with a thought. */
export function mayOpenThought(text: string): boolean {
  return kThoughtStart.startsWith(text.trimStart());
}
