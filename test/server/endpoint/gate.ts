// Decides when a scripted policy draws its next token.
import type { ScriptedOptions } from "./scripted-policy.js";

export interface Gate extends Required<Pick<ScriptedOptions, "pace">> {
  /** Lets so many more tokens be drawn. */
  open(tokens: number): void;
  /** Until so many tokens were drawn and the next is waited for. */
  taken(tokens: number): Promise<void>;
}

export function createGate(): Gate {
  let allowed = 0;
  let waiting = -1;
  let changed = signal();
  const change = () => {
    const { resolve } = changed;
    changed = signal();
    resolve();
  };
  return {
    async pace(token) {
      waiting = token;
      change();
      while (allowed <= 0) await changed.promise;
      allowed--;
    },
    open(tokens) {
      allowed += tokens;
      change();
    },
    async taken(tokens) {
      while (waiting < tokens) await changed.promise;
    },
  };
}

interface Signal {
  readonly promise: Promise<void>;
  resolve(): void;
}

function signal(): Signal {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((own) => {
    resolve = own;
  });
  return { promise, resolve };
}
