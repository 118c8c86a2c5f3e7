// What running a statement comes to.
import type { Scope } from "./scope.js";

export interface Output {
  text: string;
}

/** How a statement ended: as usual, or leaving the turn of a loop or the loop. */
export const Signal = { None: 0, Break: 1, Continue: 2 } as const;
export type Signal = (typeof Signal)[keyof typeof Signal];

export type Execute = (scope: Scope, out: Output) => Signal;
