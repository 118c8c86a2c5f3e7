// Which rollouts may own calls of others. A call that waited in a queue which rollouts share runs in somebody else's asynchronous context, and is
// recorded as theirs. What shows it: a rollout that earned a reward and made no call. Calls that others began by context alone while it ran may
// be its own. Calls that name their rollout are never in doubt.
import type { CallNote } from "../types/model-call.js";

export interface Doubts {
  /** A rollout begins. */
  open(rolloutId: string): DoubtEntry;
}

export interface DoubtEntry {
  /** A call that the policy answers begins as this rollout's. */
  call(by: CallNote["by"]): void;
  /** Its agent returned: what begins later was not begun for it. */
  end(): void;
  /**
   * It is over.
   * @returns whose calls its own may be, null when there is no doubt; a promise while a rollout that ran beside its calls may still end without any
   */
  close(hasReward: boolean): Doubt | null | Promise<Doubt | null>;
}

export interface Doubt {
  /** One that ended with a reward and without a call. */
  readonly silent: string;
  /** How many of the rollout's calls began while it ran. */
  readonly calls: number;
}

/** Of the rollouts of one batch. */
export function createDoubts(): Doubts {
  // Events in their order, counted: what is before what needs no clock.
  let now = 0;
  /** Run, and have made no call so far; by their beginning. */
  const silent = new Set<Entry>();
  /** Ended with a reward and without a call. */
  const suspects: Entry[] = [];
  const waiting = new Map<Entry, (doubt: Doubt | null) => void>();

  const verdict = (entry: Entry): Doubt | null | undefined => {
    const last = entry.byContext.at(-1);
    if (last === undefined) return null;
    for (const { rolloutId, from, to } of suspects) {
      const calls = entry.byContext.filter((at) => from < at && at < to).length;
      if (calls > 0) return { silent: rolloutId, calls };
    }
    const [oldest] = silent;
    return oldest !== undefined && oldest.from < last ? undefined : null;
  };
  const tell = () => {
    for (const [entry, resolve] of waiting) {
      const doubt = verdict(entry);
      if (doubt === undefined) continue;
      waiting.delete(entry);
      resolve(doubt);
    }
  };
  return {
    open: (rolloutId) => {
      const entry: Entry = { rolloutId, from: now++, to: Number.POSITIVE_INFINITY, byContext: [] };
      silent.add(entry);
      return {
        call: (by) => {
          if (by === "context") entry.byContext.push(now++);
          if (silent.delete(entry)) tell();
        },
        end: () => {
          entry.to = now++;
        },
        close: (hasReward) => {
          entry.to = Math.min(entry.to, now++);
          const wasSilent = silent.delete(entry);
          if (wasSilent && hasReward) suspects.push(entry);
          if (wasSilent) tell();
          const doubt = verdict(entry);
          return doubt === undefined ? new Promise((resolve) => waiting.set(entry, resolve)) : doubt;
        },
      };
    },
  };
}

// --- internal ---

interface Entry {
  readonly rolloutId: string;
  readonly from: number;
  to: number;
  /** When its calls began that the asynchronous context alone makes its own. */
  readonly byContext: number[];
}
