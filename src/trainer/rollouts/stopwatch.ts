// How long at least one of several overlapping things ran: the share of a step that is sampling, whatever number of calls overlap.
import { performance } from "../../base/clock.js";

export interface Stopwatch {
  /** Counts while the promise is pending. */
  during<T>(promise: Promise<T>): Promise<T>;
  /** Seconds so far. */
  seconds(): number;
}

export function createStopwatch(): Stopwatch {
  let running = 0;
  let since = 0;
  let total = 0;
  return {
    async during(promise) {
      if (running++ === 0) since = performance.now();
      try {
        return await promise;
      } finally {
        if (--running === 0) total += performance.now() - since;
      }
    },
    seconds: () => (total + (running > 0 ? performance.now() - since : 0)) / 1000,
  };
}
