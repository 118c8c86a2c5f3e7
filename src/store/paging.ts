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
  const sorted =
    sortBy === undefined
      ? matched
      : matched.toSorted((a, b) => compare(sortBy, a[sortBy], b[sortBy]) * (sortOrder === "asc" ? 1 : -1));
  const end = limit === null ? undefined : offset + limit;
  return { items: sorted.slice(offset, end), limit, offset, total: matched.length };
}

// --- internal ---

// Null is the end of time among times, else the least: "" and 0.
function compare(field: string, a: unknown, b: unknown): number {
  if (field.endsWith("Time")) return order(a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY);
  if (typeof a === "number" || typeof b === "number") return order(a ?? 0, b ?? 0);
  return order(toText(a), toText(b));
}

function order(a: unknown, b: unknown): number {
  const [x, y] = [a as number, b as number];
  return x < y ? -1 : x > y ? 1 : 0;
}

function toText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
