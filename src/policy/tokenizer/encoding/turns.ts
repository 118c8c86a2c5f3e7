// Long work among other work: a few milliseconds of it in each turn of the event loop, whoever's they are.
import { performance, setImmediate } from "../../../base/clock.js";

/** Work that yields every few milliseconds; encodings that run at once share the turns, the first to come first. */
export interface Turns {
  /** @throws the signal's reason when it aborts, at the work's next turn */
  run<T>(steps: Generator<void, T>, signal: AbortSignal | undefined): Promise<T>;
}

export function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  /** Until when this turn of the event loop may work; undefined where nobody has begun. */
  let end: number | undefined;
  const begin = (): void => {
    end = performance.now() + kTurnMs;
    setImmediate(next);
  };
  const next = (): void => {
    end = undefined;
    if (waiting.length === 0) return;
    begin();
    waiting.shift()?.();
  };
  const hasTime = (): boolean => end !== undefined && performance.now() < end;
  /** What is left of a turn is the next one's. */
  const pass = (): void => {
    if (hasTime()) waiting.shift()?.();
  };
  const turn = async (): Promise<void> => {
    if (waiting.length === 0 && (end === undefined || hasTime())) {
      if (end === undefined) begin();
    } else {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return {
    async run(steps, signal) {
      for (;;) {
        await turn();
        try {
          signal?.throwIfAborted();
          do {
            const { done, value } = steps.next();
            if (done) return value;
          } while (hasTime());
        } finally {
          pass();
        }
      }
    },
  };
}

// --- internal ---

const kTurnMs = 8;
