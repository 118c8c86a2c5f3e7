// A place in a pattern, moved on code point by code point.
import { matchAt } from "../base/match-at.js";

export interface PatternReader {
  isAtEnd(): boolean;
  sees(text: string): boolean;
  /** Moves past the text where it stands here. */
  takes(text: string): boolean;
  /** Moves past a match that begins here. */
  takesMatch(regex: RegExp): readonly (string | undefined)[] | undefined;
  /** The next code point, and past it. */
  take(): number;
  readonly refuse: (why: string) => never;
}

export function createPatternReader(pattern: string, refuse: (why: string) => never): PatternReader {
  let at = 0;
  const sees = (text: string) => pattern.startsWith(text, at);
  return {
    isAtEnd: () => at >= pattern.length,
    sees,
    takes(text) {
      if (!sees(text)) return false;
      at += text.length;
      return true;
    },
    takesMatch(regex) {
      const match = matchAt(regex, pattern, at);
      at += match?.[0].length ?? 0;
      return match;
    },
    take() {
      const point = pattern.codePointAt(at);
      if (point === undefined) return refuse("an end where something should follow");
      at += point > 0xffff ? 2 : 1;
      return point;
    },
    refuse,
  };
}
