// The merges of a byte-pair encoding by pair of ids, open addressing over typed arrays: a regular model has 150,000 to
// 500,000 of them, and every pair of neighbors is looked up.

export interface MergeTable {
  /** The rank of the pair's merge: the lower, the earlier. -1 when there is none. */
  rankOf(left: number, right: number): number;
  /** The id that the merge of this rank makes. */
  readonly idOfRank: Int32Array;
}

/** @param merges  by rank; of two of one pair the later counts */
export function createMergeTable(
  merges: readonly (readonly [left: number, right: number, id: number])[],
): MergeTable {
  let size = 16;
  while (size < 2 * merges.length) size *= 2;
  const lefts = new Int32Array(size).fill(-1);
  const rights = new Int32Array(size);
  const ranks = new Int32Array(size).fill(-1);
  const slotOf = (left: number, right: number): number => {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    for (slot = (slot ^ (slot >>> 15)) & (size - 1); lefts[slot] !== -1; slot = (slot + 1) & (size - 1)) {
      if (lefts[slot] === left && rights[slot] === right) break;
    }
    return slot;
  };
  const idOfRank = new Int32Array(merges.length);
  for (const [rank, [left, right, id]] of merges.entries()) {
    const slot = slotOf(left, right);
    lefts[slot] = left;
    rights[slot] = right;
    ranks[slot] = rank;
    idOfRank[rank] = id;
  }
  return { idOfRank, rankOf: (left, right) => ranks[slotOf(left, right)] ?? -1 };
}
