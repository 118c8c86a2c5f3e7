// Sampler and trainer agree to the last bit (Law 1), checked on every update: forwardBackward is told the log-probabilities that tokens were
// sampled with, and refuses others. Here: of which tokens they are known, those that were sampled under the very version that is trained.
import type { Trajectory } from "../types/transition.js";

export interface Exactness {
  /** Sampled tokens compared, bit for bit. */
  readonly compared: number;
  /** Sampled tokens of another version, arithmetic or engine. */
  readonly stale: number;
}

/** Whether all of the row was sampled under this adapter, version and arithmetic. */
export function isCurrent(row: Trajectory, adapter: string, version: number, arithmetic: string): boolean {
  return (
    row.sampledLogprobs !== null &&
    row.transitions.every(
      (t) =>
        t.adapter === adapter &&
        t.version === version &&
        t.versions === undefined &&
        t.arithmetic === arithmetic,
    )
  );
}

/** Counts the sampled tokens of an update; also those that a grammar forced, which are compared though they are not in the loss. */
export function countExactness(rows: readonly Trajectory[], current: readonly boolean[]): Exactness {
  const counts = { compared: 0, stale: 0 };
  rows.forEach((row, r) => {
    const chosen = row.mask.reduce((sum, mask) => sum + mask, 0);
    const forced = row.transitions.reduce((sum, transition) => sum + (transition.forced?.length ?? 0), 0);
    counts[current[r] ? "compared" : "stale"] += chosen + forced;
  });
  return counts;
}
