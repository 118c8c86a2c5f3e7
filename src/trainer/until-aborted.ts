// Iteration that a signal ends, also while the source keeps it waiting.

/** What the source gives, one after the other. Throws the signal's reason as soon as it aborts; a source that hangs is left behind. */
export async function* untilAborted<T>(
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let isWaiting = false;
  try {
    for (;;) {
      isWaiting = true;
      const next = await orAborted(iterator.next(), signal);
      isWaiting = false;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // One that has ended, thrown or hangs in `next` has nothing to be told.
    if (!isWaiting) await iterator.return?.();
  }
}

// --- internal ---

async function orAborted<T>(value: T | Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([aborted, value]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
