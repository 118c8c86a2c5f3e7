// What a judge answered: JSON, with words or a fence around it, or after a thought.
import { toJsonValue } from "../base/json-value.js";

export interface Judgement {
  /** From 0 to 1. */
  readonly score: number;
  readonly explanation: string;
}

/**
 * @param count  trajectories, with ids from 1
 * @returns one for each in order; or in words what is wrong
 */
export function readJudgements(text: string, count: number): readonly Judgement[] | string {
  const value = findObject(text);
  if (value === undefined) return `no JSON object: ${JSON.stringify(text.slice(0, 200))}`;
  const scores: unknown = Object(value).scores;
  if (!Array.isArray(scores))
    return `an object without a list "scores": ${JSON.stringify(value).slice(0, 200)}`;
  const byId = new Map<number, Judgement>();
  for (const entry of scores) {
    const { id, score, explanation } = Object(entry);
    const number = Number(id);
    if (!(Number.isInteger(number) && number >= 1 && number <= count))
      return `a score of trajectory ${id} of ${count}`;
    if (byId.has(number)) return `two scores of trajectory ${number}`;
    if (!(typeof score === "number" && score >= 0 && score <= 1)) return `the score ${JSON.stringify(score)}`;
    byId.set(number, { score, explanation: String(explanation ?? "") });
  }
  if (byId.size < count) return `${byId.size} scores of ${count} trajectories`;
  return [...byId].sort(([a], [b]) => a - b).map(([, judgement]) => judgement);
}

// --- internal ---

/** From one of the first braces to the last: words may have braces, too. */
function findObject(text: string): object | undefined {
  const end = text.lastIndexOf("}") + 1;
  let found: object | undefined;
  for (const { index } of [...text.matchAll(/\{/g)].slice(0, kMostTried)) {
    const value = toJsonValue(text.slice(index, end));
    if (typeof value !== "object" || value === null) continue;
    if ("scores" in value) return value;
    found ??= value;
  }
  return found;
}

const kMostTried = 50;
