// Comparing numbers set by set, for algorithms whose advantage is no baseline and scale.
import type { Compare, ComparedNumber } from "./credited-calls.js";

/**
 * A compare that looks at one set at a time.
 * @param ofSet  the numbers of a set that are there, at least one; one advantage for each
 * @returns numbers that are missing (NaN) get 0
 */
export function compareSets(ofSet: (numbers: readonly ComparedNumber[]) => readonly number[]): Compare {
  return (numbers) => {
    const sets = new Map<string, number[]>();
    for (const [i, { value, set }] of numbers.entries())
      if (!Number.isNaN(value)) sets.set(set, [...(sets.get(set) ?? []), i]);
    const out = numbers.map(() => 0);
    for (const indices of sets.values()) {
      const values = ofSet(indices.flatMap((i) => numbers[i] ?? []));
      indices.forEach((index, i) => {
        out[index] = values[i] ?? 0;
      });
    }
    return out;
  };
}
