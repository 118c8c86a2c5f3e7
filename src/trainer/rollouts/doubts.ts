// Which rollouts may own calls of others. A call that waited in a queue which rollouts share runs in somebody else's asynchronous context, and is
// recorded as theirs. What shows it: a rollout that earned a reward and made no call. Calls that others began by context alone while it ran may
// be its own. Calls that name their rollout are never in doubt.
import { currentScope } from "../../tracing/context.js";
import type { CallNote } from "../../types/model-call.js";

export interface Doubts {
  /**
   * A rollout begins.
   * @param mayBeSilent  it may earn a reward without a call: then that casts no doubt, and nobody waits for it
   */
  open(rolloutId: string, mayBeSilent: boolean): DoubtEntry;
}

export interface DoubtEntry {
  /** A call that the policy answers begins as this rollout's. */
  call(by: CallNote["by"]): void;
  /** Its agent returned: what begins later was not begun for it. */
  end(): void;
  /**
   * It is over; the first call counts.
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

/**
 * Those of all rollouts that may share a queue: of all trainers in this process. A batch that a rollout runs has its own, since what it waits for
 * must not wait for it.
 */
export function doubtsOfBatch(): Doubts {
  return currentScope() === undefined ? ofProcess() : createDoubts();
}

export function createDoubts(): Doubts {
  // Events in their order, counted: what is before what needs no clock.
  let now = 0;
  /** Run, and have made no call so far; by their beginning. */
  const silent = new Set<Entry>();
  /** Ended with a reward and without a call, while one that is open ran. */
  let suspects: Entry[] = [];
  /** Not over, or over and waiting. */
  const open = new Set<Entry>();
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
  const forget = (entry: Entry) => {
    open.delete(entry);
    if (suspects.length === 0) return;
    let earliest = now;
    for (const { from } of open) earliest = Math.min(earliest, from);
    suspects = suspects.filter(({ to }) => to > earliest);
  };
  const tell = () => {
    for (const [entry, resolve] of waiting) {
      const doubt = verdict(entry);
      if (doubt === undefined) continue;
      waiting.delete(entry);
      forget(entry);
      resolve(doubt);
    }
  };
  return {
    open: (rolloutId, mayBeSilent) => {
      const entry: Entry = { rolloutId, from: now++, to: Number.POSITIVE_INFINITY, byContext: [] };
      let isClosed = false;
      open.add(entry);
      if (!mayBeSilent) silent.add(entry);
      return {
        call: (by) => {
          if (by === "context") entry.byContext.push(now++);
          if (silent.delete(entry)) tell();
        },
        end: () => {
          entry.to = now++;
        },
        close: (hasReward) => {
          if (isClosed) return null;
          isClosed = true;
          entry.to = Math.min(entry.to, now++);
          const wasSilent = silent.delete(entry);
          if (wasSilent && hasReward) suspects.push(entry);
          if (wasSilent) tell();
          const doubt = verdict(entry);
          if (doubt === undefined) return new Promise((resolve) => waiting.set(entry, resolve));
          forget(entry);
          return doubt;
        },
      };
    },
  };
}

// --- internal ---

const kDoubts = Symbol.for("agentlightning.doubts");

/** At a global symbol: trainers of two copies of the package may share a queue too. */
function ofProcess(): Doubts {
  const holder = globalThis as { [kDoubts]?: Doubts };
  holder[kDoubts] ??= createDoubts();
  return holder[kDoubts];
}

interface Entry {
  readonly rolloutId: string;
  readonly from: number;
  to: number;
  /** When its calls began that the asynchronous context alone makes its own. */
  readonly byContext: number[];
}
