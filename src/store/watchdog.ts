// A timer that ends overdue attempts without any caller. It does not keep the process alive.
import { kLongestTimerMs } from "./waiters.js";

export interface Watchdog {
  /** Something becomes due then (unix seconds; Infinity: never). A later time than one known is free. */
  watch(deadline: number): void;
  close(): void;
}

/** @param scan  deals with what is overdue and returns the next deadline */
export function createWatchdog(scan: () => number): Watchdog {
  let timer: NodeJS.Timeout | undefined;
  let next = Number.POSITIVE_INFINITY;
  const watch = (deadline: number): void => {
    if (!(deadline < next)) return;
    next = deadline;
    clearTimeout(timer);
    // Overdue is strictly after the deadline.
    const delay = Math.min(Math.max(deadline * 1000 - Date.now(), 0) + 1, kLongestTimerMs);
    timer = setTimeout(() => {
      next = Number.POSITIVE_INFINITY;
      watch(scan());
    }, delay);
    timer.unref();
  };
  return { watch, close: () => clearTimeout(timer) };
}
