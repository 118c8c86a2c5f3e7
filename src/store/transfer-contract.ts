// Records go into a store as they are, ids, times and states included, which no call of LightningStore does: what a store can besides
// that takes them, for import and for moving between backends.
import { LightningError } from "../base/error.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { Attempt, Rollout, Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import type { LightningStore } from "./store.js";

/** Finished records. A rollout comes with its whole history. */
export interface TransferBatch {
  /** All versions of each id, from 1, in the order in which they were made. */
  readonly resources?: readonly ResourcesUpdate[];
  readonly rollouts?: readonly TransferredRollout[];
  readonly workers?: readonly Worker[];
}

export interface TransferredRollout {
  /** With its status; a queued one joins the queue. */
  readonly rollout: Rollout;
  /** By sequence id. */
  readonly attempts: readonly Attempt[];
  /** In the order in which they were kept. */
  readonly spans: readonly Span[];
}

/** What a store can besides, where it can. */
export interface StoreTransfer {
  /** Keeps records as they are, all or none. @throws E_STATE when an id is known already, E_ARGUMENT for a history with holes */
  importRecords(batch: TransferBatch): Promise<void>;
}

export function canTransfer(store: LightningStore): store is LightningStore & StoreTransfer {
  return "importRecords" in store && typeof store.importRecords === "function";
}

/** @throws E_STATE always */
export function alreadyKnown(what: string, id: string): never {
  throw new LightningError(
    "E_STATE",
    `store import: ${what} ${id} is known to this store; import into an empty one`,
  );
}
