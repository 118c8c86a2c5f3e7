// A timer that ends overdue attempts without any caller. It does not keep the process alive.
import { kLongestTimerMs } from "./waiters.js";

export interface Watchdog {
  /** Something becomes due then (unix seconds; Infinity: never). A later time than one known is free. */
  watch(deadline: number): void;
  close(): void;
}

/** @param scan  deals with what is overdue and returns the next deadline; when it rejects, it is tried again a second later */
export function createWatchdog(scan: () => number | Promise<number>): Watchdog {
  let timer: NodeJS.Timeout | undefined;
  let next = Number.POSITIVE_INFINITY;
  let isClosed = false;
  const look = async (): Promise<void> => {
    next = Number.POSITIVE_INFINITY;
    try {
      watch(await scan());
    } catch {
      // Whatever is wrong with the store, its callers meet too; the next look may succeed.
      watch(Date.now() / 1000 + 1);
    }
  };
  const watch = (deadline: number): void => {
    if (isClosed || !(deadline < next)) return;
    next = deadline;
    clearTimeout(timer);
    // Overdue is strictly after the deadline.
    const delay = Math.min(Math.max(deadline * 1000 - Date.now(), 0) + 1, kLongestTimerMs);
    timer = setTimeout(look, delay);
    timer.unref();
  };
  return {
    watch,
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
