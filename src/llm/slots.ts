// As many at a time as there are slots; the others wait their turn, first come first served.
import { orAborted } from "../base/or-aborted.js";

export interface Slots {
  /** Runs it when a slot is free. Rejects with the signal's reason while it waits. */
  use<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async use(signal, run) {
      signal.throwIfAborted();
      if (free > 0) free -= 1;
      else await waitForTurn(waiting, signal);
      try {
        return await run();
      } finally {
        // A slot goes from hand to hand: nobody can take it in between.
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}

// --- internal ---

async function waitForTurn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  let take = (): void => undefined;
  const turn = new Promise<void>((resolve) => {
    take = resolve;
  });
  waiting.push(take);
  try {
    await orAborted(turn, signal);
  } catch (error) {
    const at = waiting.indexOf(take);
    // Given a slot in the very moment of the abort: it goes on to the next.
    if (at >= 0) waiting.splice(at, 1);
    else waiting.shift()?.();
    throw error;
  }
}
