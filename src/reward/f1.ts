// How many words an answer shares with a right one: SQuAD, Rajpurkar et al. 2016, arXiv:1606.05250 §6.1.
//   F1 = 2 P R / (P + R), P = shared / words of the answer, R = shared / words of the right one; words counted as often as they stand
import { toAnswer, toExpected, wordsOf } from "./words.js";

/**
 * @param expected  the right answer, or several: the best counts
 * @returns from 0 to 1; 1 too when both have no words
 * @throws E_ARGUMENT for what is no text
 */
export function f1(answer: string | null | undefined, expected: string | readonly string[]): number {
  const given = wordsOf(toAnswer(kWho, answer));
  return Math.max(...toExpected(kWho, expected).map((right) => overlap(given, wordsOf(right))));
}

// --- internal ---

const kWho = "rewards.f1";

function overlap(given: readonly string[], right: readonly string[]): number {
  if (given.length === 0 || right.length === 0) return given.length === right.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of right) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of given) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared += 1;
  }
  return (2 * shared) / (given.length + right.length);
}
