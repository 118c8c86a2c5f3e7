// Whether runners get on with a batch: says once that none is there, and when to stop waiting for them.
import { performance } from "../../base/clock.js";
import { isQueued } from "../../store/life-cycle.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";

export interface QueueWatchOptions {
  /** Null: never. */
  readonly stallMs: number | null;
  readonly claimTimeoutMs: number;
  /** Nobody has claimed anything for `claimTimeoutMs` while all wait; called once. */
  onUnclaimed(waiting: number): void;
}

export interface QueueWatch {
  /**
   * @param open  rollouts of the batch that have not ended, as they are now
   * @returns true when none of them has got on for `stallMs`
   */
  look(open: readonly (Rollout | AttemptedRollout)[]): boolean;
}

export function createQueueWatch(options: QueueWatchOptions): QueueWatch {
  let since = performance.now();
  let seen = "";
  let isTold = false;
  return {
    look(open) {
      const now = performance.now();
      const state = open.map(stateOf).join();
      if (state !== seen) since = now;
      seen = state;
      const idleMs = now - since;
      if (!isTold && idleMs >= options.claimTimeoutMs && open.every(({ status }) => isQueued(status))) {
        isTold = true;
        options.onUnclaimed(open.length);
      }
      return options.stallMs !== null && idleMs >= options.stallMs;
    },
  };
}

// --- internal ---

/** What changes when somebody takes a rollout, ends it or gives it back; a sign of life alone is no progress. */
function stateOf(rollout: Rollout | AttemptedRollout): string {
  return `${rollout.status} ${"attempt" in rollout ? rollout.attempt.sequenceId : 0}`;
}
