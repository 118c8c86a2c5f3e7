// A server's retention: what its store is to forget, looked for again and again.
import { checkInteger } from "../../base/check.js";
import { clearTimeout, setTimeout } from "../../base/clock.js";
import { checkRetention, pruneRollouts, type Retention } from "../../store/prune.js";
import type { LightningStore } from "../../store/store.js";

export interface RetentionOptions extends Retention {
  /** From one look to the next; default 60 s. */
  readonly everyMs?: number;
}

/** @throws E_ARGUMENT */
export function checkRetentionOptions(who: string, options: RetentionOptions): void {
  checkRetention(who, options);
  checkInteger(who, "everyMs", options.everyMs ?? kEveryMs, { min: 1, max: 2 ** 31 - 1 });
}

/** Begins with a look. @returns ends it, and resolves when nothing of it runs */
export function keepRetention(
  store: LightningStore,
  { everyMs = kEveryMs, ...retention }: RetentionOptions,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const look = async () => {
    try {
      await pruneRollouts(store, retention, closing.signal);
    } catch (error) {
      if (!closing.signal.aborted) onError(error);
    }
    if (closing.signal.aborted) return;
    timer = setTimeout(start, everyMs);
    timer.unref();
  };
  const start = () => {
    running = look();
  };
  start();
  return async () => {
    closing.abort();
    clearTimeout(timer);
    await running;
  };
}

// --- internal ---

const kEveryMs = 60_000;
