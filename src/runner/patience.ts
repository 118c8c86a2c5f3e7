// Calls to a store that may be out of reach for a while: a server that restarts, a database that fails over.
import { performance, setTimeout } from "../base/clock.js";
import { LightningError } from "../base/error.js";

export interface Patience {
  /** Calls are given up after this time, but not before `drain`. */
  readonly patienceMs: number;
  readonly drain: AbortSignal;
}

/** Repeats a call that fails with E_STORE, at growing intervals. Only for calls that may be made twice. */
export async function patiently<T>(call: () => Promise<T>, { patienceMs, drain }: Patience): Promise<T> {
  const until = performance.now() + patienceMs;
  for (let delayMs = 100; ; delayMs = Math.min(delayMs * 2, 5000)) {
    try {
      return await call();
    } catch (error) {
      const isLate = drain.aborted && performance.now() + delayMs > until;
      if (!isOutOfReach(error) || isLate) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

export function isOutOfReach(error: unknown): boolean {
  return error instanceof LightningError && error.code === "E_STORE";
}

/** The attempt or rollout is not ours any more. */
export function isRefused(error: unknown): boolean {
  return error instanceof LightningError && (error.code === "E_STATE" || error.code === "E_NOT_FOUND");
}
