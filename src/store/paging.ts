// Sorting and pages over records held in memory; also what other stores check their queries with.
import { argumentError, checkInteger, checkOneOf } from "../base/check.js";
import type { FilterLogic, Page, Paging } from "./store-records.js";

/** Fields that a query may sort by. */
export const sortFields = {
  rollout: "rolloutId input startTime endTime mode resourcesId status config metadata".split(" "),
  attempt:
    "rolloutId attemptId sequenceId startTime endTime status workerId lastHeartbeatTime metadata".split(" "),
  span: "rolloutId attemptId sequenceId traceId spanId parentId name status attributes events startTime endTime".split(
    " ",
  ),
  worker:
    "workerId status heartbeatStats lastHeartbeatTime lastDequeueTime lastBusyTime lastIdleTime currentRolloutId currentAttemptId".split(
      " ",
    ),
  resources: "resourcesId version createTime updateTime resources".split(" "),
} as const;

/** Paging of any record. */
export interface PagingFields {
  readonly limit?: number | null;
  readonly offset?: number;
  readonly sortBy?: string;
  readonly sortOrder?: "asc" | "desc";
}

/** @throws E_ARGUMENT */
export function checkPaging(
  who: string,
  { limit, offset, sortBy, sortOrder }: PagingFields,
  fields: readonly string[],
): void {
  if (limit !== undefined && limit !== null) checkInteger(who, "limit", limit, { min: 1 });
  if (offset !== undefined) checkInteger(who, "offset", offset, { min: 0 });
  if (sortOrder !== undefined) checkOneOf(who, "sortOrder", sortOrder, ["asc", "desc"]);
  if (sortBy !== undefined && !fields.includes(sortBy))
    throw argumentError(who, `sortBy to be one of ${fields.join(", ")}`, sortBy);
}

/** The page of records that already match. Equal ones keep their order, also when descending. @throws E_ARGUMENT */
export function toPage<T extends object>(
  who: string,
  matched: readonly T[],
  query: Paging<T> & { readonly filterLogic?: FilterLogic },
  fields: readonly string[],
): Page<T> {
  checkPaging(who, query, fields);
  if (query.filterLogic !== undefined) checkOneOf(who, "filterLogic", query.filterLogic, ["and", "or"]);
  const { limit = null, offset = 0, sortBy, sortOrder = "asc" } = query;
  const sorted = sortBy === undefined ? matched : sort(matched, sortBy, sortOrder);
  const end = limit === null ? undefined : offset + limit;
  return { items: sorted.slice(offset, end), limit, offset, total: matched.length };
}

/** Of values that `sortable` gave: null is the end of time among times, else the least: "" and 0. */
export function comparator(field: string, sortOrder: "asc" | "desc"): (a: unknown, b: unknown) => number {
  const sign = sortOrder === "asc" ? 1 : -1;
  if (field.endsWith("Time")) {
    const toTime = (value: unknown) => (value ?? Number.POSITIVE_INFINITY) as number;
    return (a, b) => sign * order(toTime(a), toTime(b));
  }
  return (a, b) =>
    typeof a === "number" || typeof b === "number"
      ? sign * order((a ?? 0) as number, (b ?? 0) as number)
      : sign * order((a ?? "") as string, (b ?? "") as string);
}

/** What JSON is sorted by is its text. */
export function sortable(value: unknown): unknown {
  if (value === null || value === undefined || typeof value === "number") return value;
  return typeof value === "string" ? value : JSON.stringify(value);
}

// --- internal ---

function sort<T extends object>(
  matched: readonly T[],
  sortBy: keyof T & string,
  sortOrder: "asc" | "desc",
): readonly T[] {
  const compare = comparator(sortBy, sortOrder);
  const keyed = matched.map((record) => ({ record, value: sortable(record[sortBy]) }));
  return keyed.sort((a, b) => compare(a.value, b.value)).map(({ record }) => record);
}

function order<T extends number | string>(x: T, y: T): number {
  return x < y ? -1 : x > y ? 1 : 0;
}
