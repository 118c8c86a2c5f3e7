// Byte-pair encoding of one sequence of symbols: of all merges that neighbors allow, always the one of the lowest rank,
// the leftmost of equals. A heap keeps it at n log n.   Sennrich et al. 2016, arXiv:1508.07909
import type { MergeTable } from "./merge-table.js";

/** A run that can be interrupted: a long sequence takes long. */
export interface MergeRun {
  /** Takes at most so many steps; true when nothing is left to merge. */
  advance(steps: number): boolean;
  /** After the last merge: the next ids, at most so many; none at the end. */
  take(most: number): number[];
}

/** @param symbols  ids; they are changed */
export function createMergeRun(table: MergeTable, symbols: Int32Array): MergeRun {
  const { length } = symbols;
  const next = new Int32Array(length).fill(-1);
  const previous = new Int32Array(length).fill(-1);
  const heap = createHeap();
  const offer = (left: number, right: number): void => {
    const rank = table.rankOf(symbols[left] ?? -1, symbols[right] ?? -1);
    if (rank >= 0) heap.push(rank * kMaxLength + left);
  };
  let offered = 0;
  let taken = 0;
  const merge = (left: number, right: number, id: number): void => {
    symbols[left] = id;
    symbols[right] = kMerged;
    const after = next[right] ?? -1;
    next[left] = after;
    if (after >= 0) previous[after] = left;
    const before = previous[left] ?? -1;
    if (before >= 0) offer(before, left);
    if (after >= 0) offer(left, after);
  };
  return {
    advance(steps) {
      let count = 0;
      for (; offered + 1 < length && count < steps; offered++, count++) {
        next[offered] = offered + 1;
        previous[offered + 1] = offered;
        offer(offered, offered + 1);
      }
      for (; count < steps; count++) {
        const key = heap.pop();
        if (key === undefined) return true;
        const left = key % kMaxLength;
        const id = table.idOfRank[(key - left) / kMaxLength] ?? -1;
        const right = next[left] ?? -1;
        if (symbols[left] === kMerged || right < 0) continue;
        // Neighbors may have changed since; what counts is whether they still make the same token.
        const rank = table.rankOf(symbols[left] ?? -1, symbols[right] ?? -1);
        if (rank >= 0 && table.idOfRank[rank] === id) merge(left, right, id);
      }
      return false;
    },
    take(most) {
      const ids: number[] = [];
      for (; taken >= 0 && taken < length && ids.length < most; taken = next[taken] ?? -1) {
        ids.push(symbols[taken] ?? kMerged);
      }
      return ids;
    },
  };
}

// --- internal ---

/** Longer than any string: a rank and a place share one number exactly. */
const kMaxLength = 2 ** 30;
const kMerged = -1;

interface Heap {
  push(key: number): void;
  pop(): number | undefined;
}

/** The smallest first. */
function createHeap(): Heap {
  let keys = new Float64Array(64);
  let size = 0;
  const keyAt = (at: number): number => keys[at] ?? Number.POSITIVE_INFINITY;
  return {
    push(key) {
      if (size === keys.length) {
        const longer = new Float64Array(2 * size);
        longer.set(keys);
        keys = longer;
      }
      let at = size++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (keyAt(parent) <= key) break;
        keys[at] = keyAt(parent);
        at = parent;
      }
      keys[at] = key;
    },
    pop() {
      if (size === 0) return undefined;
      const top = keyAt(0);
      const key = keyAt(--size);
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= size) break;
        if (child + 1 < size && keyAt(child + 1) < keyAt(child)) child++;
        if (keyAt(child) >= key) break;
        keys[at] = keyAt(child);
        at = child;
      }
      keys[at] = key;
      return top;
    },
  };
}
