// Long lists, read in parts: which records, and in which order, is settled first, without holding them; each part is read when it is wanted.
// What a store can do besides, so that a list of any length takes little memory and leaves room for others.
import { argumentError, checkOneOf } from "../base/check.js";
import { turn } from "../base/clock.js";
import { LightningError } from "../base/error.js";
import type { ResourcesUpdate } from "../types/resources.js";
import type { AttemptedRollout, Rollout, Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import { matchesWorker } from "./matches.js";
import { checkPaging, comparator, type PagingFields, sortable } from "./paging.js";
import type { LightningStore } from "./store.js";
import type {
  FilterLogic,
  Page,
  ResourcesQuery,
  RolloutQuery,
  SpanQuery,
  WorkerQuery,
} from "./store-records.js";

/** The page of a query, unread. */
export interface Listing<T> {
  /** Matches before paging. */
  readonly total: number;
  /** Of the page. */
  readonly length: number;
  /** Places `from` to `to` of the page; without those that are no longer kept. */
  read(from: number, to: number): Promise<readonly T[]>;
}

/** As the store's queries of these records. */
export interface Listings {
  /** @param without  top-level name of metadata: rollouts where it is true are left out */
  rollouts(query: RolloutQuery, without?: string): Promise<Listing<Rollout | AttemptedRollout>>;
  spans(rolloutId: string, query: SpanQuery): Promise<Listing<Span>>;
  /** @param without  the id of one that is left out */
  workers(query: WorkerQuery, without?: string): Promise<Listing<Worker>>;
  resources(query: ResourcesQuery): Promise<Listing<ResourcesUpdate>>;
}

export interface StoreListings {
  readonly listings: Listings;
}

/** The store's own, else by its queries, page after page. */
export function listingsOf(store: LightningStore | (LightningStore & StoreListings)): Listings {
  return "listings" in store ? store.listings : listingsByPages(store);
}

/** Of a page that is read already. */
export function listOf<T>({ items, total }: Page<T>): Listing<T> {
  return { total, length: items.length, read: async (from, to) => items.slice(from, to) };
}

/** Records by numbers that stay theirs. */
export interface Keyed<T> {
  readonly keys: Float64Array;
  /** Those that are still kept. */
  find(keys: Float64Array): Promise<ReadonlyMap<number, T>>;
}

/** What is asked of records that are listed by their keys. */
export interface KeyedQuery<T> {
  readonly who: string;
  /** May be sorted by. */
  readonly fields: readonly string[];
  readonly query: PagingFields & { readonly filterLogic?: FilterLogic };
  /** Absent: all match. */
  readonly matches?: ((record: T) => boolean) | undefined;
  /** The keys are sorted already. */
  readonly isSorted?: boolean;
}

/** Reads the records, in parts between which others have their turn, only where the keys do not tell which match or how they are sorted. @throws E_ARGUMENT */
export async function listKeyed<T extends object>(
  open: () => Promise<Keyed<T>>,
  { who, fields, query, matches, isSorted = false }: KeyedQuery<T>,
): Promise<Listing<T>> {
  checkPaging(who, query, fields);
  if (query.filterLogic !== undefined) checkOneOf(who, "filterLogic", query.filterLogic, ["and", "or"]);
  const { limit = null, offset = 0, sortBy, sortOrder = "asc" } = query;
  const keyed = await open();
  const sorting = isSorted || sortBy === undefined ? null : { sortBy, sortOrder };
  const keys = matches === undefined && sorting === null ? keyed.keys : await select(keyed, matches, sorting);
  const page = keys.subarray(offset, limit === null ? undefined : offset + limit);
  return {
    total: keys.length,
    length: page.length,
    async read(from, to) {
      const part = page.subarray(from, to);
      const found = await keyed.find(part);
      return [...part].flatMap((key) => found.get(key) ?? []);
    },
  };
}

// --- internal ---

const kPart = 200;
/** Of a store that is asked page by page. */
const kPage = 1000;

async function select<T extends object>(
  { keys, find }: Keyed<T>,
  matches: ((record: T) => boolean) | undefined,
  sorting: { readonly sortBy: string; readonly sortOrder: "asc" | "desc" } | null,
): Promise<Float64Array> {
  const kept: number[] = [];
  const values: unknown[] = [];
  for (let from = 0; from < keys.length; from += kPart) {
    const part = keys.subarray(from, from + kPart);
    const found = await find(part);
    for (const key of part) {
      const record = found.get(key);
      if (record === undefined || matches?.(record) === false) continue;
      kept.push(key);
      if (sorting !== null)
        values.push(sortable((record as Readonly<Record<string, unknown>>)[sorting.sortBy]));
    }
    await turn();
  }
  if (sorting === null) return Float64Array.from(kept);
  const compare = comparator(sorting.sortBy, sorting.sortOrder);
  const order = kept.map((_, i) => i).sort((a, b) => compare(values[a], values[b]));
  return Float64Array.from(order, (i) => kept[i] ?? Number.NaN);
}

function listingsByPages(store: LightningStore): Listings {
  return {
    async rollouts(query, without) {
      const metadata = without === undefined ? null : { [without]: true };
      const hidden = metadata === null ? [] : (await store.queryRollouts({ metadata })).items;
      if (hidden.length === 0) return listPages((page) => store.queryRollouts({ ...query, ...page }), query);
      const ids = new Set(hidden.map(({ rolloutId }) => rolloutId));
      const all = await store.queryRollouts({ ...query, limit: null, offset: 0 });
      return listOf(
        cut(
          all.items.filter(({ rolloutId }) => !ids.has(rolloutId)),
          query,
        ),
      );
    },
    spans: (rolloutId, query) =>
      listPages((page) => store.querySpans(rolloutId, { ...query, ...page }), query),
    async workers(query, without) {
      const hidden = without === undefined ? null : await workerOf(store, without);
      if (hidden === null || !matchesWorker(hidden, query))
        return listPages((page) => store.queryWorkers({ ...query, ...page }), query);
      const all = await store.queryWorkers({ ...query, limit: null, offset: 0 });
      return listOf(
        cut(
          all.items.filter(({ workerId }) => workerId !== without),
          query,
        ),
      );
    },
    resources: (query) => listPages((page) => store.queryResources({ ...query, ...page }), query),
  };
}

async function workerOf(store: LightningStore, workerId: string): Promise<Worker | null> {
  try {
    return await store.getWorker(workerId);
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_NOT_FOUND") return null;
    throw error;
  }
}

function cut<T>(items: readonly T[], { limit = null, offset = 0 }: PagingFields): Page<T> {
  const end = limit === null ? undefined : offset + limit;
  return { items: items.slice(offset, end), limit, offset, total: items.length };
}

/** Of records whose places do not change; a page is held until another is wanted. */
async function listPages<T>(
  query: (page: { readonly limit: number | null; readonly offset: number }) => Promise<Page<T>>,
  { limit = null, offset = 0 }: PagingFields,
): Promise<Listing<T>> {
  const first = await query({ limit: Math.min(limit ?? kPage, kPage), offset });
  let held = { from: 0, items: first.items };
  const length = Math.max(Math.min(first.total - offset, limit ?? first.total), 0);
  return {
    total: first.total,
    length,
    async read(from, to) {
      if (to - from > kPage) throw argumentError("listing", `at most ${kPage} places at once`, to - from);
      if (from < held.from || to > held.from + held.items.length) {
        const wanted = Math.min(kPage, length - from);
        held = { from, items: (await query({ limit: wanted, offset: offset + from })).items };
      }
      return held.items.slice(from - held.from, to - held.from);
    },
  };
}
