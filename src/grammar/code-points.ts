// Sets of code points as ranges: ascending, without overlap, never surrogates, which no UTF-8 text holds.
import type { CodePoints } from "./grammar.js";

export type Ranges = readonly CodePoints[];

export const kAnyCodePoint: Ranges = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Any ranges as a set: sorted, joined where they touch, without surrogates. */
export function toRanges(ranges: Ranges): Ranges {
  return intersectRanges(joined(ranges), kAnyCodePoint);
}

export function intersectRanges(a: Ranges, b: Ranges): Ranges {
  const both: CodePoints[] = [];
  for (let i = 0, j = 0; ; ) {
    const [left, right] = [a[i], b[j]];
    if (left === undefined || right === undefined) return both;
    const from = Math.max(left[0], right[0]);
    const to = Math.min(left[1], right[1]);
    if (from <= to) both.push([from, to]);
    if (left[1] < right[1]) i++;
    else j++;
  }
}

export function complementRanges(ranges: Ranges): Ranges {
  const gaps: CodePoints[] = [];
  let from = 0;
  for (const [first, last] of ranges) {
    if (from < first) gaps.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= 0x10ffff) gaps.push([from, 0x10ffff]);
  return intersectRanges(gaps, kAnyCodePoint);
}

export function subtractRanges(a: Ranges, b: Ranges): Ranges {
  return intersectRanges(a, complementRanges(b));
}

// --- internal ---

function joined(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const all: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = all.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else all.push([from, to]);
  }
  return all;
}
