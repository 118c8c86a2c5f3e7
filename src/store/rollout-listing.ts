// A long list of rollouts, read in parts: which ones, and in which order, is settled at once; each part is read when it is wanted.
import type { AttemptedRollout, Rollout } from "../types/rollout.js";
import type { LightningStore } from "./store.js";
import type { Page, RolloutQuery } from "./store-records.js";

/** The page of a query, unread. */
export interface Listing<T> {
  /** Matches before paging. */
  readonly total: number;
  /** Of the page. */
  readonly length: number;
  /** Places `from` to `to` of the page; without those that are no longer kept. */
  read(from: number, to: number): Promise<readonly T[]>;
}

/** What a store can do besides. */
export interface RolloutListing {
  /** @throws E_ARGUMENT */
  listRollouts(query: RolloutQuery): Promise<Listing<Rollout | AttemptedRollout>>;
}

export function listRollouts(
  store: LightningStore | (LightningStore & RolloutListing),
  query: RolloutQuery,
): Promise<Listing<Rollout | AttemptedRollout>> {
  if ("listRollouts" in store) return store.listRollouts(query);
  return listByOffset((page) => store.queryRollouts({ ...query, ...page }), query);
}

/** Parts by their offsets: of records whose places do not change. */
export async function listByOffset<T>(
  query: (page: { readonly limit: number; readonly offset: number }) => Promise<Page<T>>,
  { limit, offset = 0 }: { readonly limit?: number | null; readonly offset?: number },
): Promise<Listing<T>> {
  const { total } = await query({ limit: 1, offset });
  return {
    total,
    length: Math.max(Math.min(total - offset, limit ?? total), 0),
    read: async (from, to) => (await query({ limit: to - from, offset: offset + from })).items,
  };
}

/** Of a page that is read already. */
export function listOf<T>({ items, total }: Page<T>): Listing<T> {
  return { total, length: items.length, read: async (from, to) => items.slice(from, to) };
}
