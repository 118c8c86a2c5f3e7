// Requests that wait for something: bounded in time, ended early when the client goes or the server closes.
import { ApiError } from "../http/api-error.js";
import type { InFlight } from "../http/in-flight.js";

export interface LongPolls {
  /**
   * @param seconds  what the client asked for; null: as long as the server lets it
   * @param wait  rejects when the signal aborts
   * @param peek  the answer when the server closes while it waits
   */
  run<T>(
    seconds: number | null,
    client: AbortSignal,
    wait: (options: { readonly timeoutMs: number; readonly signal: AbortSignal }) => Promise<T>,
    peek: () => Promise<T>,
  ): Promise<T>;
  /** Ends all that wait, with what there is; later ones do not wait. */
  close(): void;
}

/**
 * @param maxWaitMs  a client that wants to wait longer asks again
 * @param inFlight  where their requests count while they do not wait
 */
export function createLongPolls(maxWaitMs: number, inFlight: InFlight): LongPolls {
  const open = new Set<AbortController>();
  let isClosed = false;
  return {
    async run(seconds, client, wait, peek) {
      const timeoutMs = Math.min(Math.max((seconds ?? Number.POSITIVE_INFINITY) * 1000, 0), maxWaitMs);
      if (timeoutMs === 0 || isClosed) return peek();
      const controller = new AbortController();
      const leave = () => controller.abort(kGone);
      if (client.aborted) leave();
      client.addEventListener("abort", leave, { once: true });
      open.add(controller);
      try {
        return await inFlight.waitAside(() => wait({ timeoutMs, signal: controller.signal }));
      } catch (error) {
        if (error === kClosing) return await peek();
        throw error === kGone ? new ApiError(499, "The client is gone") : error;
      } finally {
        open.delete(controller);
        client.removeEventListener("abort", leave);
      }
    },
    close() {
      isClosed = true;
      for (const controller of [...open]) controller.abort(kClosing);
    },
  };
}

// --- internal ---

const kClosing = Symbol("the server closes");
const kGone = Symbol("the client is gone");
