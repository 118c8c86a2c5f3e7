// Whether an answer is a right one.
import { checkOneOf } from "../base/check.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { toAnswer, toExpected, wordsOf } from "./words.js";

export interface MatchOptions {
  /**
   * "words" (default): equal words, whatever their case, punctuation and articles. "text": the same characters, but for white space around
   * them. "number": the last number of the answer equals that of the right one, as "#### 1,250" is 1250.0.
   */
  readonly as?: "words" | "text" | "number";
}

/**
 * @param answer  null or undefined: none came, which matches nothing but ""
 * @param expected  the right answer, or several of which any will do
 * @returns 1 or 0
 * @throws E_ARGUMENT for what is no text
 */
export function matches(
  answer: string | null | undefined,
  expected: string | readonly string[],
  options: MatchOptions = {},
): 0 | 1 {
  checkOptions(kWho, options, kNames);
  const as = checkOneOf(kWho, "as", options.as ?? "words", ["words", "text", "number"]);
  const given = kForms[as](toAnswer(kWho, answer));
  const right = toExpected(kWho, expected).map(kForms[as]);
  return given !== null && right.includes(given) ? 1 : 0;
}

// --- internal ---

const kWho = "rewards.matches";
const kNames: OptionNames<MatchOptions> = { as: ["mode", "normalize", "kind"] };

const kForms: Readonly<Record<NonNullable<MatchOptions["as"]>, (text: string) => string | number | null>> = {
  words: (text) => wordsOf(text).join(" "),
  text: (text) => text.trim(),
  number: lastNumber,
};

function lastNumber(text: string): number | null {
  const found = text.match(
    /(?<![\p{L}\d.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d+)?|(?<![\d.])-?\.\d+/giu,
  );
  const last = found?.at(-1);
  return last === undefined ? null : Number(last.replaceAll(",", ""));
}
