// A store that counts and times its calls, and times rollouts when it hears of their end.
import { performance } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { isEnded } from "../../store/life-cycle.js";
import { type Listing, type Listings, listingsOf } from "../../store/listings.js";
import type { LightningStore } from "../../store/store.js";
import type { Rollout } from "../../types/rollout.js";
import type { Metrics } from "./metrics.js";

/** @param onFailure  told of what calls fail with @param onError  told when a rollout that ended could not be looked up */
export function meterStore(
  store: LightningStore,
  metrics: Metrics,
  onError: (error: unknown) => void,
  onFailure: (error: unknown) => void,
): LightningStore {
  const meter =
    <A extends readonly unknown[], R>(method: string, call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const start = performance.now();
      let status = "ok";
      try {
        return await call(...args);
      } catch (error) {
        onFailure(error);
        status = error instanceof LightningError ? error.code : "error";
        throw error;
      } finally {
        metrics.observe("agl_store", { method, status }, (performance.now() - start) / 1000);
      }
    };
  const methods = kMethods.map((method) => {
    const call = store[method].bind(store) as (...args: unknown[]) => Promise<unknown>;
    return [method, meter(method, call)];
  });
  const metered: LightningStore = {
    ...Object.fromEntries(methods),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  };
  return {
    ...metered,
    ...("listings" in store ? { listings: meterListings(listingsOf(store)) } : {}),
    async updateAttempt(rolloutId, attemptId, changes) {
      const attempt = await metered.updateAttempt(rolloutId, attemptId, changes);
      if (attempt.endTime !== null && changes.status === attempt.status)
        store.getRollout(rolloutId).then(observeEnd, onError);
      return attempt;
    },
  };

  function meterListings(of: Listings): Listings {
    const heard = <A extends readonly unknown[], T>(
      method: string,
      list: (...args: A) => Promise<Listing<T>>,
    ) => {
      const open = meter(method, list);
      return async (...args: A): Promise<Listing<T>> => {
        const { read, ...listing } = await open(...args);
        return {
          ...listing,
          read: async (from, to) => {
            try {
              return await read(from, to);
            } catch (error) {
              onFailure(error);
              throw error;
            }
          },
        };
      };
    };
    return {
      rollouts: heard("queryRollouts", of.rollouts),
      spans: heard("querySpans", of.spans),
      workers: heard("queryWorkers", of.workers),
      resources: heard("queryResources", of.resources),
    };
  }

  function observeEnd({ status, mode, startTime, endTime }: Rollout): void {
    if (endTime !== null && isEnded(status))
      metrics.observe("agl_rollouts", { status, mode: mode ?? "none" }, endTime - startTime);
  }
}

// --- internal ---

const kMethods = [
  "enqueue",
  "claim",
  "claimRollout",
  "startRollout",
  "startAttempt",
  "getRollout",
  "queryRollouts",
  "updateRollout",
  "cancel",
  "deleteRollouts",
  "changes",
  "waitForRollouts",
  "getLatestAttempt",
  "queryAttempts",
  "updateAttempt",
  "addSpans",
  "nextSequenceId",
  "querySpans",
  "addResources",
  "updateResources",
  "getResources",
  "getLatestResources",
  "queryResources",
  "heartbeat",
  "getWorker",
  "queryWorkers",
  "statistics",
] as const satisfies readonly (keyof LightningStore)[];
