// A timer that beats at the latest every so often, and sooner when asked. It keeps the process alive only while somebody waits.
import { clearTimeout, performance, setTimeout } from "../../base/clock.js";

export interface Pulse {
  /** Beats within so many milliseconds. */
  within(ms: number): void;
  /** Keeps the process alive until `work` is done. */
  during<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * @param pollMs  the longest time between beats
 * @param beat  returns in how many milliseconds it has to beat again, Infinity: it need not
 */
export function createPulse(pollMs: number, beat: () => Promise<number>): Pulse {
  let timer: NodeJS.Timeout | undefined;
  let nextAt = Number.POSITIVE_INFINITY;
  let holders = 0;
  let isClosed = false;
  const within = (asked: number) => {
    const ms = Math.min(Math.max(asked, 0), pollMs);
    const at = performance.now() + ms;
    if (isClosed || !(at < nextAt)) return;
    clearTimeout(timer);
    nextAt = at;
    // Overdue is strictly after the deadline.
    timer = setTimeout(() => void run(), ms + 1);
    if (holders === 0) timer.unref();
  };
  const run = async () => {
    nextAt = Number.POSITIVE_INFINITY;
    within(await beat());
  };
  within(pollMs);
  return {
    within,
    async during(work) {
      holders++;
      timer?.ref();
      try {
        return await work();
      } finally {
        holders--;
        if (holders === 0) timer?.unref();
      }
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
