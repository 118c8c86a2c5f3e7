// What those who wait ask inside a transaction.
import type { RolloutStatus } from "../../types/rollout.js";
import { isEnded } from "../life-cycle.js";
import { notFound } from "../not-found.js";
import type { Tables } from "./tables.js";

/** How many are queued, counted no further than `limit`. */
export function countQueued(tables: Tables, limit: number): number {
  tables.flush();
  return Number(tables.db.value(kCountQueued, limit));
}

/** Those of the rollouts that have not ended, in the order given. @throws E_NOT_FOUND */
export function stillOpen(tables: Tables, who: string, rolloutIds: readonly string[]): string[] {
  tables.flush();
  const rows = tables.db.all(kGetStatuses, JSON.stringify(rolloutIds));
  const statuses = new Map(rows.map(({ id, status }) => [id as string, status as RolloutStatus]));
  return rolloutIds.filter((id) => !isEnded(statuses.get(id) ?? notFound(who, "rollout", id)));
}

// --- internal ---

const kCountQueued = "SELECT count(*) FROM (SELECT 1 FROM rollouts WHERE place IS NOT NULL LIMIT ?)";
const kGetStatuses = "SELECT id, status FROM rollouts WHERE id IN (SELECT value FROM json_each(?))";
