// Timers and clocks as they were when the package was loaded. Fake ones, which tests of a user put in place of the globals, stop nothing here:
// every other file takes them from this one (a rule test).
import { performance as monotonic } from "node:perf_hooks";
import * as timers from "node:timers";
import * as promised from "node:timers/promises";

// Copies: the names of a built-in module follow it when someone replaces its members and says so.
export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
}: Pick<typeof timers, "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval" | "setImmediate"> =
  timers;

/** The clock that is never set. */
export const performance: typeof globalThis.performance = monotonic;

/** The clock of the wall. */
export const wallClock: Pick<DateConstructor, "now"> = Date;

/** Resolves after so many milliseconds. */
export const pause: typeof promised.setTimeout = promised.setTimeout;

/** Resolves when what is due has had its turn. */
export const turn: typeof promised.setImmediate = promised.setImmediate;
