// Sampler and trainer agree to the last bit (Law 1), checked on every update: the log-probabilities that the first forward pass gives are those
// the tokens were sampled with. Only for what this process sampled under the very version that is trained.
import { LightningError } from "../base/error.js";
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
      (t) => t.adapter === adapter && t.version === version && t.arithmetic === arithmetic,
    )
  );
}

/**
 * @param logprobs by row, for tokens[1..], as forwardBackward returned them
 * @throws E_EXACTNESS naming rollout, position and both numbers
 */
export function checkExactness(
  rows: readonly Trajectory[],
  logprobs: readonly Float32Array[],
  current: readonly boolean[],
): Exactness {
  let compared = 0;
  let stale = 0;
  rows.forEach((row, r) => {
    row.mask.forEach((mask, i) => {
      if (mask === 0) return;
      if (!current[r]) {
        stale += 1;
        return;
      }
      compared += 1;
      const sampled = row.sampledLogprobs?.[i];
      const trained = logprobs[r]?.[i];
      if (!Object.is(sampled, trained)) {
        throw new LightningError(
          "E_EXACTNESS",
          `update: expected token ${i + 1} of rollout ${row.rolloutId} to have the log-probability it was sampled with, ${sampled}, got ${trained}; this is a defect of the engine, please report it`,
        );
      }
    });
  });
  return { compared, stale };
}
