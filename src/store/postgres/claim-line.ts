// Claims that wait for the queue, in the order in which they came. One look at the queue serves as many of them as it can.
import { clearTimeout, setTimeout } from "../../base/clock.js";
import type { AttemptedRollout } from "../../types/rollout.js";
import type { WaitOptions } from "../store-records.js";
import { kLongestTimerMs } from "../waiters.js";
import type { ClaimRequest } from "./changes.js";

export interface ClaimLine {
  /** What it gets, [] at the timeout. A look that took something for it counts, whatever its signal says meanwhile. @throws signal.reason */
  wait(workerId: string | null, limit: number, options: WaitOptions): Promise<readonly AttemptedRollout[]>;
  /** Something may be queued. */
  look(): void;
  readonly isBusy: boolean;
  /** Rejects all that wait, and are not being served, with it. */
  fail(error: unknown): void;
}

/** @param claim  takes what is there for each request */
export function createClaimLine(
  claim: (requests: readonly ClaimRequest[]) => Promise<readonly (readonly AttemptedRollout[])[]>,
): ClaimLine {
  const line = new Set<Place>();
  let isLooking = false;
  let mustLook = false;
  const leave = (place: Place, finish: () => void) => {
    // While it is being served, the look decides first.
    if (place.isServed) {
      place.finish ??= finish;
      return;
    }
    line.delete(place);
    place.cleanUp();
    finish();
  };
  const serve = async (places: readonly Place[]) => {
    for (const place of places) place.isServed = true;
    let error: unknown;
    const claimed = await claim(places).catch((reason: unknown) => {
      error = reason;
      return undefined;
    });
    places.forEach((place, i) => {
      place.isServed = false;
      place.isNoted = false;
      const taken = claimed?.[i] ?? [];
      if (claimed === undefined) leave(place, () => place.reject(error));
      else if (taken.length > 0) leave(place, () => place.resolve(taken));
      else if (place.finish !== undefined) leave(place, place.finish);
    });
  };
  const look = async () => {
    mustLook = true;
    if (isLooking) return;
    isLooking = true;
    while (mustLook && line.size > 0) {
      mustLook = false;
      await serve([...line]);
    }
    isLooking = false;
  };
  return {
    wait: (workerId, limit, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const abort = () => leave(place, () => reject(signal?.reason));
        const isLimited = timeoutMs !== undefined && timeoutMs <= kLongestTimerMs;
        const timer = isLimited ? setTimeout(() => leave(place, () => resolve([])), timeoutMs) : undefined;
        const cleanUp = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
        };
        const place: Place = { workerId, limit, isNoted: true, isServed: false, resolve, reject, cleanUp };
        signal?.addEventListener("abort", abort, { once: true });
        line.add(place);
        void look();
      }),
    look: () => void look(),
    get isBusy() {
      return line.size > 0;
    },
    fail(error) {
      for (const place of [...line]) leave(place, () => place.reject(error));
    },
  };
}

// --- internal ---

interface Place extends ClaimRequest {
  isNoted: boolean;
  isServed: boolean;
  /** How it ends if the look that serves it finds nothing for it. */
  finish?: () => void;
  readonly resolve: (claimed: readonly AttemptedRollout[]) => void;
  readonly reject: (error: unknown) => void;
  readonly cleanUp: () => void;
}
