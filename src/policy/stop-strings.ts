// Finds the token with which a stop string is complete, one token at a time. Every stop string is sought by an automaton
// of its own over UTF-16 units: Knuth, Morris & Pratt 1977, "Fast pattern matching in strings". Nothing is read twice.
import { argumentError } from "../base/check.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

export interface StopMatcher {
  /**
   * @returns whether the decoded text, up to and with this token, contains a stop string. Special tokens are text here.
   * @throws E_ARGUMENT when the id is not a non-negative integer
   */
  push(id: number): boolean;
}

/**
 * @param tokenizer  decodes the tokens, so stop strings may span tokens and tokens may split characters
 * @param stops  none: nothing ever matches
 * @throws E_ARGUMENT when a stop string is empty or has half of a surrogate pair, which no text contains
 */
export function createStopMatcher(
  tokenizer: Pick<Tokenizer, "createDecoder">,
  stops: readonly string[],
): StopMatcher {
  const seekers = stops.map(createSeeker);
  const decoder = tokenizer.createDecoder();
  let isFound = false;
  return {
    push(id) {
      const text = decoder.push(id);
      isFound ||= seekers.some((seek) => seek(text));
      return isFound;
    },
  };
}

// --- internal ---

function createSeeker(stop: unknown): (text: string) => boolean {
  if (typeof stop !== "string" || stop === "" || kLoneSurrogate.test(stop)) {
    throw argumentError("createStopMatcher", "stop strings that are text and not empty", stop);
  }
  const borders = bordersOf(stop);
  let matched = 0;
  return (text) => {
    let isFound = false;
    for (let i = 0; i < text.length; i++) {
      matched = extend(stop, borders, matched, text[i]);
      isFound ||= matched === stop.length;
    }
    return isFound;
  };
}

const kLoneSurrogate = /\p{Surrogate}/u;

// borders[n]: the length of the longest proper prefix of stop[0, n) that is also its suffix.
function bordersOf(stop: string): readonly number[] {
  const borders = [0, 0];
  for (let i = 1; i < stop.length; i++) borders.push(extend(stop, borders, borders[i] ?? 0, stop[i]));
  return borders;
}

// How much of `stop` ends with the next unit, when `matched` units of it ended before.
function extend(stop: string, borders: readonly number[], matched: number, unit: string | undefined): number {
  let length = matched;
  while (length > 0 && stop[length] !== unit) length = borders[length] ?? 0;
  return stop[length] === unit ? length + 1 : 0;
}
