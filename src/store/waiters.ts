// Waits for events by key, without polling: a wait ends when every key was settled, at its timeout, on its signal, or on close.
import { argumentError } from "../base/check.js";
import { clearTimeout, setTimeout } from "../base/clock.js";
import type { WaitOptions } from "./store-records.js";

export interface Waiters {
  /** Resolves when all keys were settled since the call, or after the timeout. @throws signal.reason, what close is given */
  wait(
    keys: Iterable<string>,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>;
  /** @param atMost  so many waits for the key, those that wait longest; default all */
  settle(key: string, atMost?: number): void;
  /** What somebody waits for. */
  keys(): readonly string[];
  /** How many wait for the key. */
  countOf(key: string): number;
  close(error: Error): void;
}

export function createWaiters(): Waiters {
  const open = new Set<Wait>();
  const byKey = new Map<string, Set<Wait>>();
  const forget = (wait: Wait, key: string): void => {
    const waits = byKey.get(key);
    waits?.delete(wait);
    if (waits?.size === 0) byKey.delete(key);
  };
  const add = (wait: Wait): void => {
    open.add(wait);
    for (const key of wait.pending) {
      const waits = byKey.get(key);
      if (waits === undefined) byKey.set(key, new Set([wait]));
      else waits.add(wait);
    }
  };
  return {
    wait: (keys, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const pending = new Set(keys);
        if (signal?.aborted) return reject(signal.reason);
        if (pending.size === 0 || (timeoutMs !== undefined && timeoutMs <= 0)) return resolve();
        const end = (finish: () => void) => {
          open.delete(wait);
          for (const key of pending) forget(wait, key);
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          finish();
        };
        const abort = () => end(() => reject(signal?.reason));
        const wait: Wait = {
          pending,
          resolve: () => end(resolve),
          reject: (error) => end(() => reject(error)),
        };
        // Longer than a timer can be told to wait is as good as for ever.
        const isLimited = timeoutMs !== undefined && timeoutMs <= kLongestTimerMs;
        const timer = isLimited ? setTimeout(() => end(resolve), timeoutMs) : undefined;
        signal?.addEventListener("abort", abort, { once: true });
        add(wait);
      }),
    settle: (key, atMost = Number.POSITIVE_INFINITY) => {
      for (const wait of [...(byKey.get(key) ?? [])].slice(0, atMost)) {
        wait.pending.delete(key);
        forget(wait, key);
        if (wait.pending.size === 0) wait.resolve();
      }
    },
    keys: () => [...byKey.keys()],
    countOf: (key) => byKey.get(key)?.size ?? 0,
    close: (error) => {
      for (const { reject } of [...open]) reject(error);
    },
  };
}

/** Infinity: no limit. @throws E_ARGUMENT for a limit that is no number: no time is ever beyond it */
export function toTimeoutMs(
  who: string,
  { timeoutMs = Number.POSITIVE_INFINITY }: Pick<WaitOptions, "timeoutMs">,
): number {
  if (typeof timeoutMs === "number" && !Number.isNaN(timeoutMs)) return timeoutMs;
  throw argumentError(`store.${who}`, "timeoutMs to be a number", timeoutMs);
}

/** 2^31 - 1: setTimeout takes more for 1. */
export const kLongestTimerMs = 0x7fffffff;

// --- internal ---

interface Wait {
  readonly pending: Set<string>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}
