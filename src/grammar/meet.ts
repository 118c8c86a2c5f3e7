// What two lists of alternatives allow both, and what one or the other does.
import { type Alternative, bothOf, type Constants } from "./alternatives.js";
import { spellSorted } from "./json-spelling.js";
import type { Opener } from "./opener.js";
import { allowsValue } from "./value-check.js";

export function meetAll(
  opener: Opener,
  a: readonly Alternative[],
  b: readonly Alternative[],
): readonly Alternative[] {
  return unionOf(a.map((x) => b.map((y) => meetTwo(opener, x, y)).filter((found) => found !== undefined)));
}

/** @returns undefined where no value is allowed by both */
export function meetTwo(opener: Opener, a: Alternative, b: Alternative): Alternative | undefined {
  if (a.kind === "constants")
    return b.kind === "constants" ? bothConstants(a, b) : kept(a, (value) => allowsValue(opener, b, value));
  return b.kind === "constants" ? kept(b, (value) => allowsValue(opener, a, value)) : bothOf(a, b);
}

/** One after the other; constants of several are one. */
export function unionOf(lists: readonly (readonly Alternative[])[]): readonly Alternative[] {
  const all = lists.flat();
  const constants = all.filter((one) => one.kind === "constants");
  const [first] = constants;
  if (first === undefined || constants.length === 1) return all;
  const merged: Constants = { kind: "constants", values: constants.flatMap(({ values }) => values) };
  return all
    .filter((one) => one === first || one.kind !== "constants")
    .map((one) => (one === first ? merged : one));
}

// --- internal ---

function bothConstants(a: Constants, b: Constants): Constants | undefined {
  const texts = new Set(b.values.map(spellSorted));
  return kept(a, (value) => texts.has(spellSorted(value)));
}

function kept({ values }: Constants, allows: (value: unknown) => boolean): Constants | undefined {
  const some = values.filter(allows);
  return some.length === 0 ? undefined : { kind: "constants", values: some };
}
