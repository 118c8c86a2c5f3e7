// Answers as words: lower case, without punctuation and English articles, as SQuAD compares them (arXiv:1606.05250 §6.1), in any script.
import { argumentError } from "../base/check.js";

export function wordsOf(text: string): string[] {
  const plain = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s]/gu, "");
  const words = plain.split(/\s+/u).filter((word) => word !== "");
  const kept = words.filter((word) => !kArticles.has(word));
  // An article alone is an answer, such as "A" of several choices, and not the same as none.
  return kept.length === 0 ? words : kept;
}

/** The right answers, of which any will do. @throws E_ARGUMENT for no text or none at all */
export function toExpected(who: string, expected: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(expected) ? expected : [expected];
  if (all.length > 0 && all.every((one) => typeof one === "string")) return all;
  throw argumentError(who, "the right answer as text, or a list of such", expected, "write String(answer)");
}

/** @throws E_ARGUMENT unless it is text; null and undefined, an answer that did not come, are empty */
export function toAnswer(who: string, answer: unknown): string {
  if (answer === null || answer === undefined) return "";
  if (typeof answer !== "string") throw argumentError(who, "the answer's text", answer);
  return answer;
}

// --- internal ---

const kArticles: ReadonlySet<string> = new Set(["a", "an", "the"]);
