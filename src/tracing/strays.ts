// Errors that nobody waits for: a rejection without a handler, an exception in a callback. Node ends the process for them. Those of a
// rollout are handed to it instead, by the context they come in; all others take Node's way, with the listeners there are. No listener
// is added, for one listener is enough to change that way: `process.emit` is wrapped while at least one holder wants it. The count lies
// at a global symbol: two copies of the package agree on it.
import { currentContext } from "./context.js";

/**
 * Hands strays to the `fail` of their rollout's scope until the release, which is to be called once.
 * Node 20 and 22 lose the context of what a callback of queueMicrotask throws: that takes Node's way.
 */
export function watchStrays(): () => void {
  const state = sharedState();
  if (state.holders++ === 0) state.unwrap = wrapEmit(state);
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    if (--state.holders === 0) state.unwrap();
  };
}

// --- internal ---

const kState = Symbol.for("agentlightning.strays");

interface State {
  holders: number;
  unwrap: () => void;
}

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: unknown[]) => boolean;

function sharedState(): State {
  const globals = globalThis as { [kState]?: State };
  globals[kState] ??= { holders: 0, unwrap: () => undefined };
  return globals[kState];
}

/** @returns puts back what was there, unless somebody has wrapped it since: then the wrapper stays in its place and lets all pass */
function wrapEmit(state: State): () => void {
  const before = Object.getOwnPropertyDescriptor(process, "emit");
  const original = process.emit as Emit;
  const emit: Emit = function (event, ...args) {
    return (state.holders > 0 && isTaken(event, args[0])) || Reflect.apply(original, this, [event, ...args]);
  };
  Object.defineProperty(process, "emit", { value: emit, configurable: true, writable: true });
  return () => {
    if ((process.emit as Emit) !== emit) return;
    if (before === undefined) Reflect.deleteProperty(process, "emit");
    else Object.defineProperty(process, "emit", before);
  };
}

/** Whether it was a stray of a rollout, which has it now. */
function isTaken(event: string | symbol, error: unknown): boolean {
  if (event !== "unhandledRejection" && event !== "uncaughtException") return false;
  const scope = currentContext()?.scope;
  if (scope?.fail === undefined) return false;
  scope.fail(error);
  return true;
}
