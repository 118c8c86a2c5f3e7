// What commands say, and the signals they heed.
import { oneLine } from "../base/one-line.js";

/** A line for people: one, whatever others wrote into it. */
export function say(line: string): void {
  process.stderr.write(`${oneLine(line)}\n`);
}

export interface Signals {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly first: AbortSignal;
  /** Aborts at the second. */
  readonly second: AbortSignal;
  close(): void;
}

export function watchSignals(): Signals {
  const aborts = [new AbortController(), new AbortController()] as const;
  const [first, second] = aborts;
  const onSignal = (name: string) => (first.signal.aborted ? second : first).abort(name);
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    first: first.signal,
    second: second.signal,
    close: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
