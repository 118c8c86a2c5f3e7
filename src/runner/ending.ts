// What ends a rollout before its agent is done: its deadline, whoever cancels it, an error that it left alone. The first of them counts.
import { AsyncLocalStorage } from "node:async_hooks";
import { setMaxListeners } from "node:events";
import { type Deadline, startDeadline } from "./deadline.js";

export type RunEnd = "returned" | "threw" | "provider-error" | "timeout" | "cancelled";

export interface Ending {
  /** Aborts when the rollout is ended. */
  readonly signal: AbortSignal;
  readonly deadline: Deadline;
  /** Undefined while nothing has ended it. */
  cut(): Cut | undefined;
  /** Does nothing after the first. */
  end(ended: RunEnd, error: unknown): void;
  /** To be called as the rollout's code when the agent begins: what listeners of the signal throw is the rollout's from then on. */
  enter(): void;
  /** From now on nobody cancels it. */
  close(): void;
}

/** Why a rollout was ended before its agent was done. */
export interface Cut {
  readonly ended: RunEnd;
  readonly error: unknown;
}

export interface EndingOptions {
  readonly rolloutId: string;
  /** From now; null is no deadline. */
  readonly timeoutMs: number | null;
  /** Cancels the rollout. */
  readonly signal?: AbortSignal | undefined;
}

export function createEnding({ rolloutId, timeoutMs, signal }: EndingOptions): Ending {
  const abort = new AbortController();
  // One listener a model call is no leak.
  setMaxListeners(0, abort.signal);
  let inRollout = (fn: () => void) => fn();
  let cut: Cut | undefined;
  const end = (ended: RunEnd, error: unknown) => {
    if (cut !== undefined) return;
    cut = { ended, error };
    inRollout(() => abort.abort(error));
  };
  const deadline = startDeadline(timeoutMs, () => {
    const message = `rollout ${rolloutId}: expected the agent to finish within ${timeoutMs} ms`;
    end("timeout", new DOMException(message, "TimeoutError"));
  });
  const cancel = () => void (deadline.isPast() || end("cancelled", signal?.reason));
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return {
    ...{ signal: abort.signal, deadline, end },
    cut: () => cut,
    enter: () => {
      inRollout = AsyncLocalStorage.snapshot();
    },
    close: () => signal?.removeEventListener("abort", cancel),
  };
}
