// Iteration that a signal ends, also while the source keeps it waiting.
import { orAborted } from "../../base/or-aborted.js";

/** What the source gives, one after the other. Throws the signal's reason as soon as it aborts; a source that hangs is left behind. */
export async function* untilAborted<T>(
  source: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = isAsync(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let isOver = false;
  try {
    for (;;) {
      // Until it gives a value.
      isOver = true;
      const next = await orAborted(iterator.next(), signal);
      if (next.done) return;
      isOver = false;
      yield next.value;
    }
  } finally {
    // One that has ended, thrown or hangs in `next` has nothing to be told.
    if (!isOver) await iterator.return?.();
  }
}

/** Whether there is something to be called for values, one way or the other. */
export function isIterable(source: object): boolean {
  return isAsync(source) || typeof Reflect.get(source, Symbol.iterator) === "function";
}

// --- internal ---

/** By the method, as `for await` sees it: one that is there without a value is none. */
function isAsync<T>(source: Iterable<T> | AsyncIterable<T> | object): source is AsyncIterable<T> {
  return typeof Reflect.get(source, Symbol.asyncIterator) === "function";
}
