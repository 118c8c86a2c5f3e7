// Who waits for whom (DESIGN 4, States): a fair queue of shared and lone work. Shared work runs together; lone work runs by itself,
// first in, first out; whoever comes later stays behind whoever waits. Where shared work can be held, lone work need not wait for what runs: it is
// held meanwhile. It knows nothing of what the work is.
import { LightningError } from "../base/error.js";

/** Work that has its turn. `stop` aborts when the caller gave up or the queue was closed: the result is then dropped. */
export type Work<T> = (stop: AbortSignal) => Promise<T>;

export interface States {
  /** Runs beside other shared work, as soon as nothing that runs alone runs or waits. @throws E_CLOSED, the signal's reason, or what `work` throws. */
  share<T>(who: string, work: Work<T>, signal?: AbortSignal): Promise<T>;
  /** Runs by itself, after everything that came before, or while that is held. @throws E_CLOSED, or what `work` throws. */
  alone<T>(who: string, work: Work<T>): Promise<T>;
  /** Runs by itself, after everything that came before, ended and not held. @throws E_CLOSED, or what `work` throws. */
  last<T>(who: string, work: Work<T>): Promise<T>;
  /** @throws E_CLOSED after `close`. */
  checkOpen(who: string): void;
  /** Rejects everything that waits or runs with E_CLOSED; resolves when what ran has ended. Calling it again gives the same promise. */
  close(): Promise<void>;
}

/**
 * @param what  what is closed, as in "the policy"
 * @param hold  makes running shared work stand still, or go on; absent: lone work waits until it has ended
 */
export function createStates(what: string, hold?: (held: boolean) => void): States {
  const queue = new TurnQueue(hold);
  const running = new Set<Promise<unknown>>();
  const unsettled = new Set<() => void>();
  let closing: Promise<void> | undefined;

  const closedError = (who: string): LightningError =>
    new LightningError("E_CLOSED", `${who}: expected ${what} to be open, it was closed`);

  function enter<T>(who: string, kind: Turn["kind"], work: Work<T>, signal?: AbortSignal): Promise<T> {
    if (closing !== undefined) return Promise.reject(closedError(who));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise<T>((resolve, reject) => {
      const stop = new AbortController();
      const giveUp = (reason: unknown): void => {
        finish();
        queue.remove(turn);
        reject(reason);
        stop.abort(reason);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      const onClose = (): void => giveUp(closedError(who));
      const finish = (): void => {
        signal?.removeEventListener("abort", onAbort);
        unsettled.delete(onClose);
      };
      const turn: Turn = {
        kind,
        start: () => {
          const ended = callWork(work, stop.signal)
            .then(resolve, reject)
            .finally(() => {
              finish();
              running.delete(ended);
              queue.end(turn);
            });
          running.add(ended);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      unsettled.add(onClose);
      queue.add(turn);
    });
  }

  return {
    share: (who, work, signal) => enter(who, "shared", work, signal),
    alone: (who, work) => enter(who, hold === undefined ? "last" : "alone", work),
    last: (who, work) => enter(who, "last", work),
    checkOpen: (who) => {
      if (closing !== undefined) throw closedError(who);
    },
    close: () => {
      if (closing === undefined) {
        closing = Promise.allSettled(running).then(() => undefined);
        queue.clear();
        for (const onClose of [...unsettled]) onClose();
      }
      return closing;
    },
  };
}

// --- internal ---

interface Turn {
  readonly kind: "shared" | "alone" | "last";
  readonly start: () => void;
}

class TurnQueue {
  private readonly waiting: Turn[] = [];
  private readonly current = new Set<Turn>();

  private readonly hold: ((held: boolean) => void) | undefined;

  constructor(hold?: (held: boolean) => void) {
    this.hold = hold;
  }

  add(turn: Turn): void {
    this.waiting.push(turn);
    this.advance();
  }

  /** Takes a waiting turn out; one that runs keeps its place until it ends. */
  remove(turn: Turn): void {
    const index = this.waiting.indexOf(turn);
    if (index < 0) return;
    this.waiting.splice(index, 1);
    this.advance();
  }

  /** Takes out everything that waits. */
  clear(): void {
    this.waiting.length = 0;
  }

  end(turn: Turn): void {
    this.current.delete(turn);
    if (turn.kind === "alone") this.hold?.(false);
    this.advance();
  }

  private advance(): void {
    for (let next = this.waiting[0]; next !== undefined && this.admits(next); next = this.waiting[0]) {
      this.waiting.shift();
      this.current.add(next);
      if (next.kind === "alone") this.hold?.(true);
      next.start();
    }
  }

  private admits(turn: Turn): boolean {
    if (turn.kind === "last") return this.current.size === 0;
    for (const other of this.current) if (other.kind !== "shared") return false;
    return true;
  }
}

// Work that throws before its first await rejects like any other.
async function callWork<T>(work: Work<T>, stop: AbortSignal): Promise<T> {
  return await work(stop);
}
