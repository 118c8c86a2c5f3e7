// A timer that ends overdue attempts without any caller. It does not keep the process alive. Deadlines are times of the clock, which may be
// set: it looks at the clock again and again, and tells when it was set back.
import { clearTimeout, performance, setTimeout, wallClock } from "../base/clock.js";

export interface Watchdog {
  /** Something becomes due then (unix seconds; Infinity: never). A later time than one known is free. */
  watch(deadline: number): void;
  /** What is kept may be from the future, as if the clock had been set back: scans now. */
  distrust(): void;
  close(): void;
}

/**
 * @param scan  deals with what is overdue, and with what is from the future if the clock was set back; returns the next deadline. When it
 *   rejects, it is tried again a second later
 */
export function createWatchdog(scan: (isSetBack: boolean) => number | Promise<number>): Watchdog {
  const clock = createStepDetector();
  let timer: NodeJS.Timeout | undefined;
  let next = Number.POSITIVE_INFINITY;
  let isSetBack = false;
  let isClosed = false;
  const look = async (): Promise<void> => {
    next = Number.POSITIVE_INFINITY;
    const wasSetBack = isSetBack;
    isSetBack = false;
    try {
      watch(await scan(wasSetBack));
    } catch {
      // Whatever is wrong with the store, its callers meet too; the next look may succeed.
      isSetBack ||= wasSetBack;
      watch(wallClock.now() / 1000 + 1);
    }
  };
  const onTimer = (): void => {
    isSetBack ||= clock.wasSetBack();
    if (isSetBack || wallClock.now() > next * 1000) void look();
    else arm();
  };
  const arm = (): void => {
    clearTimeout(timer);
    // Overdue is strictly after the deadline.
    timer = setTimeout(onTimer, Math.min(Math.max(next * 1000 - wallClock.now(), 0) + 1, kLookMs));
    timer.unref();
  };
  const watch = (deadline: number): void => {
    if (isClosed || !(deadline < next)) return;
    next = deadline;
    arm();
  };
  return {
    watch,
    distrust: () => {
      isSetBack = true;
      watch(Number.NEGATIVE_INFINITY);
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

// --- internal ---

/** Between two looks at the clock. */
const kLookMs = 1000;
/** What the two clocks may differ by without one having been set. */
const kToleranceMs = 100;

/** Compares the clock with one that nobody sets. */
function createStepDetector(): { wasSetBack(): boolean } {
  let offset = wallClock.now() - performance.now();
  return {
    wasSetBack: () => {
      const before = offset;
      offset = wallClock.now() - performance.now();
      return offset < before - kToleranceMs;
    },
  };
}
