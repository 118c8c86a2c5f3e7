// Iteration that a signal ends, also while the source keeps it waiting.
import { orAborted } from "../base/or-aborted.js";

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
