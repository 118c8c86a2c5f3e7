// A clock that a test moves, in the place of src/base/clock.ts: time passes when it is told to, and never by itself.

export interface ManualClock {
  /** What vi.mock puts in the place of the real ones. */
  readonly module: {
    readonly setTimeout: (fn: () => void, ms: number) => object;
    readonly clearTimeout: (timer: object | undefined) => void;
    readonly performance: { now(): number };
  };
  /** What the timers that are set were told to wait, in their order. */
  delays(): number[];
  /** Time passes, and timers fire at theirs. */
  advance(ms: number): Promise<void>;
  /** Time passes, and no timer can fire. */
  block(ms: number): void;
  /** The next timer fires now, early or late. */
  fire(): Promise<void>;
}

export function createManualClock(): ManualClock {
  const timers = new Set<Timer>();
  let now = 1000;
  const next = () => [...timers].toSorted((a, b) => a.at - b.at)[0];
  const fire = async (timer: Timer | undefined) => {
    if (timer === undefined) throw new Error("no timer is set");
    timers.delete(timer);
    timer.fn();
    await settle();
  };
  return {
    module: {
      setTimeout: (fn, ms) => {
        const timer: Timer = { fn, ms, at: now + ms, unref: () => undefined };
        timers.add(timer);
        return timer;
      },
      clearTimeout: (timer) => void timers.delete(timer as Timer),
      performance: { now: () => now },
    },
    delays: () => [...timers].map(({ ms }) => ms),
    advance: async (ms) => {
      const end = now + ms;
      await settle();
      for (let timer = next(); timer !== undefined && timer.at <= end; timer = next()) {
        now = Math.max(now, timer.at);
        await fire(timer);
      }
      now = end;
    },
    block: (ms) => {
      now += ms;
    },
    fire: () => fire(next()),
  };
}

/** What is due without any time has its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

// --- internal ---

interface Timer {
  readonly fn: () => void;
  readonly ms: number;
  readonly at: number;
  unref(): void;
}
