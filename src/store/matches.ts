// Which records a query asks for, apart from the ids that scope it.
import type { ResourcesUpdate } from "../types/resources.js";
import type { Rollout, Worker } from "../types/rollout.js";
import type { Span } from "../types/span.js";
import { metadataMatches } from "./metadata-filter.js";
import type { FilterLogic, ResourcesQuery, RolloutQuery, SpanQuery, WorkerQuery } from "./store-records.js";

export function matchesRollout({ status, rolloutId, mode, metadata }: Rollout, query: RolloutQuery): boolean {
  if (isEverything(query)) return true;
  return passes(query.filterLogic, [
    isIn(status, query.statusIn),
    isIn(rolloutId, query.rolloutIdIn),
    contains(rolloutId, query.rolloutIdContains),
    isEqual(mode, query.mode),
    ...metadataMatches(metadata, query.metadata),
  ]);
}

/** Besides the ids that scope it. */
export function hasSpanFilters(query: SpanQuery): boolean {
  return kSpanFilters.some((name) => query[name] !== undefined);
}

/** Whatever its attempt. */
export function matchesSpan(span: Span, query: SpanQuery): boolean {
  return passes(query.filterLogic, [
    isEqual(span.traceId, query.traceId),
    contains(span.traceId, query.traceIdContains),
    isEqual(span.spanId, query.spanId),
    contains(span.spanId, query.spanIdContains),
    isEqual(span.parentId, query.parentId),
    contains(span.parentId, query.parentIdContains),
    isEqual(span.name, query.name),
    contains(span.name, query.nameContains),
  ]);
}

export function matchesWorker({ status, workerId }: Worker, query: WorkerQuery): boolean {
  return passes(query.filterLogic, [
    isIn(status, query.statusIn),
    contains(workerId, query.workerIdContains),
  ]);
}

export function matchesResources({ resourcesId }: ResourcesUpdate, query: ResourcesQuery): boolean {
  return passes("and", [
    isEqual(resourcesId, query.resourcesId),
    contains(resourcesId, query.resourcesIdContains),
  ]);
}

/** Long lists are asked for without filters. */
export function isEverything({
  statusIn,
  rolloutIdIn,
  rolloutIdContains,
  mode,
  metadata,
}: RolloutQuery): boolean {
  return (statusIn ?? rolloutIdIn ?? rolloutIdContains ?? mode ?? metadata) === undefined;
}

// --- internal ---

const kSpanFilters = [
  ...(["traceId", "traceIdContains", "spanId", "spanIdContains"] as const),
  ...(["parentId", "parentIdContains", "name", "nameContains"] as const),
];

/** A filter's answer, or undefined when the query does not filter by it. */
type Filter = boolean | undefined;

/** All or any of the filters that are there; none: true. */
function passes(logic: FilterLogic | undefined, filters: readonly Filter[]): boolean {
  const given = filters.filter((filter) => filter !== undefined);
  if (given.length === 0) return true;
  return logic === "or" ? given.includes(true) : !given.includes(false);
}

function isIn<T>(value: T, list: readonly T[] | undefined): Filter {
  return list?.includes(value);
}

function isEqual<T>(value: T, wanted: T | undefined): Filter {
  return wanted === undefined ? undefined : value === wanted;
}

function contains(text: string | null, part: string | undefined): Filter {
  return part === undefined ? undefined : (text ?? "").includes(part);
}
