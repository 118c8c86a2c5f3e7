// A long list of rollouts: its keys at once, in one text, and the rows in parts.
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import { type Listing, listOf } from "../rollout-listing.js";
import type { RolloutQuery } from "../store-records.js";
import { findByKeys, queryKeys, queryRollouts } from "./queries.js";
import type { Tables } from "./tables.js";

/** @param query  runs work that reads @throws E_ARGUMENT */
export async function listRollouts(
  query: <T>(work: (tables: Tables) => T) => Promise<T>,
  asked: RolloutQuery,
): Promise<Listing<Rollout | AttemptedRollout>> {
  const found = await query(({ db }) => queryKeys(db, asked));
  if (found === null) return listOf(await query(({ db }) => queryRollouts(db, asked)));
  const { keys, total } = found;
  return {
    total,
    length: keys.length,
    read: (from, to) => query(({ db }) => findByKeys(db, keys.subarray(from, to))),
  };
}
