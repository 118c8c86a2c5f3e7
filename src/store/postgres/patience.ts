// How often and how long something that failed is tried again: sooner at first, until a deadline.
import { clearTimeout, performance, setTimeout } from "../../base/clock.js";

export interface Patience {
  /** Waits a little; false: the time is over, or the signal said so. */
  isLeft(): Promise<boolean>;
}

export interface PatienceOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Nobody awaits it: the process may end meanwhile. */
  readonly isBackground?: boolean;
}

export function createPatience({ timeoutMs, signal, isBackground = false }: PatienceOptions): Patience {
  const deadline = performance.now() + timeoutMs;
  let delayMs = kFirstMs;
  return {
    async isLeft() {
      if (signal.aborted || performance.now() + delayMs > deadline) return false;
      // Several processes that lost the same database do not come back at once.
      const ms = delayMs * (0.5 + Math.random() / 2);
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, ms);
        if (isBackground) timer.unref();
        signal.addEventListener("abort", end, { once: true });
      });
      delayMs = Math.min(delayMs * 2, kLongestMs);
      return !signal.aborted;
    },
  };
}

// --- internal ---

const kFirstMs = 25;
const kLongestMs = 1000;
