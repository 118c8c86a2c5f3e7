// Into the queue and out of it, inside a transaction.
import { wallClock } from "../../base/clock.js";
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import { toRollout } from "../new-records.js";
import { bindNew } from "../resources-binding.js";
import { claimEntries } from "../rollout-entry.js";
import type { NewRollout } from "../store-records.js";
import { bundlesOf } from "./resources.js";
import { toJson } from "./rows.js";
import type { Tables } from "./tables.js";

/** The input as JSON; null: undefined. @throws E_ARGUMENT */
export function toInput(who: string, fields: NewRollout): string | null {
  toJson(who, "config and metadata", [fields.config, fields.metadata]);
  return toJson(who, "input", fields.input) ?? null;
}

/** A queued rollout, bound to its resources or to the latest. @throws E_ARGUMENT, E_NOT_FOUND */
export function toRecord({ db }: Tables, who: string, fields: NewRollout): Rollout {
  return toRollout(`store.${who}`, fields, bindNew(who, fields, bundlesOf(db)), wallClock.now() / 1000);
}

/** At most `limit`, oldest first, with a new attempt each; the worker is told of it. */
export function claimQueued(
  tables: Tables,
  workerId: string | null,
  limit: number,
): readonly AttemptedRollout[] {
  if (limit <= 0) return [];
  return claimEntries(tables, tables.nextQueued(limit), workerId, wallClock.now() / 1000);
}
