// Waits for events by key, without polling: a wait ends when every key was settled, at its timeout, on its signal, or on close.

export interface Waiters {
  /** Resolves when all keys were settled since the call, or after the timeout. @throws signal.reason, what close is given */
  wait(
    keys: Iterable<string>,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<void>;
  settle(key: string): void;
  close(error: Error): void;
}

export function createWaiters(): Waiters {
  const open = new Set<Wait>();
  return {
    wait: (keys, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const pending = new Set(keys);
        if (signal?.aborted) return reject(signal.reason);
        if (pending.size === 0 || (timeoutMs !== undefined && timeoutMs <= 0)) return resolve();
        const end = (finish: () => void) => {
          open.delete(wait);
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
        open.add(wait);
      }),
    settle: (key) => {
      for (const { pending, resolve } of [...open]) if (pending.delete(key) && pending.size === 0) resolve();
    },
    close: (error) => {
      for (const { reject } of [...open]) reject(error);
    },
  };
}

/** 2^31 - 1: setTimeout takes more for 1. */
export const kLongestTimerMs = 0x7fffffff;

// --- internal ---

interface Wait {
  readonly pending: Set<string>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}
