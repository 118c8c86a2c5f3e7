// The known name that somebody meant: the same words in another spelling, or a slip of the fingers away.

/**
 * @param name  what was written, as in `max_token`
 * @param known  the names to choose from
 * @param share  how much of the longer of the two names may differ, in letters changed, dropped, added or swapped with the
 *   next; the default is for what is refused because it is near, a larger one for hints about what is refused anyway
 * @returns the same name but for case, `_`, `-`, dots and spaces, else the nearest within the share (of several, the first)
 */
export function nearest(name: string, known: readonly string[], share = 0.25): string | undefined {
  const letters = plain(name);
  const same = known.find((candidate) => plain(candidate) === letters);
  if (same !== undefined || letters.length > kLongest) return same;
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const other = plain(candidate);
    const most = Math.min(Math.floor(Math.max(letters.length, other.length) * share), least - 1);
    if (most < 1 || Math.abs(letters.length - other.length) > most) continue;
    const slips = slipsBetween(letters, other);
    if (slips > most) continue;
    best = candidate;
    least = slips;
  }
  return best;
}

// --- internal ---

/** Longer names are no slip of anything, and comparing them would cost their square. */
const kLongest = 64;

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.\s]/g, "");
}

/** Letters to change, drop, add or swap with their neighbour (optimal string alignment), by rows of the usual table. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? at(before, j - 2) + 1 : Infinity;
      row.push(Math.min(change, at(last, j) + 1, at(row, j - 1) + 1, swap));
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
