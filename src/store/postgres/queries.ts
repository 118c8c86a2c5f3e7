// The methods that only read. Pages are made in SQL where its order is that of paging.ts; else every match is read and paging.ts
// makes the page: for a rollout's spans with filters or another order than theirs, for workers and bundles, and for rollouts sorted
// by JSON or by text that need not be ASCII.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { Attempt, AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { hasSpanFilters, matchesResources, matchesRollout, matchesSpan, matchesWorker } from "../matches.js";
import { checkRolloutFilters } from "../metadata-filter.js";
import { notFound } from "../not-found.js";
import { sortFields, toPage } from "../paging.js";
import type {
  AttemptQuery,
  Page,
  ResourcesQuery,
  RolloutQuery,
  SpanQuery,
  StoreStatistics,
  WorkerQuery,
} from "../store-records.js";
import type { Row } from "./database.js";
import { isForLabels, toLabelFilter } from "./labels.js";
import { toAttempted } from "./rows.js";
import { kRecord, type Statement, type Statements } from "./sql.js";
import { toKey } from "./text.js";

/** Answers of the database. */
export type Read = (
  who: string,
  statement: Statement,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

export async function getRollout(
  read: Read,
  { rollout }: Statements,
  rolloutId: string,
): Promise<Rollout | AttemptedRollout> {
  const [row] = await read("getRollout", rollout, [toKey(rolloutId)]);
  return row === undefined ? notFound("getRollout", "rollout", rolloutId) : toAttempted(row);
}

/** In the order asked. @throws E_NOT_FOUND */
export async function getRollouts(
  read: Read,
  { rollouts }: Statements,
  who: string,
  rolloutIds: readonly string[],
): Promise<readonly Rollout[]> {
  const found = new Map<string, Rollout>();
  for (const row of await read(who, rollouts, [rolloutIds.map(toKey)])) {
    const { attempt: _, ...rollout } = toAttempted(row) as AttemptedRollout;
    found.set(rollout.rolloutId, rollout);
  }
  return rolloutIds.map((id) => found.get(id) ?? notFound(who, "rollout", id));
}

/** How SQL finds and sorts them; null where it cannot. @throws E_ARGUMENT */
export function pageOf(who: string, query: RolloutQuery) {
  checkQuery(who, query, sortFields.rollout);
  checkRolloutFilters(`store.${who}`, query);
  const order = orderOf(query.sortBy, query.sortOrder ?? "asc");
  return order === undefined || !isForLabels(query) ? null : { ...rolloutFilter(query), order };
}

export async function queryRollouts(
  read: Read,
  table: string,
  query: RolloutQuery,
): Promise<Page<Rollout | AttemptedRollout>> {
  const who = "queryRollouts";
  const page = pageOf(who, query);
  if (page === null) {
    const { where, values } = isForLabels(query) ? rolloutFilter(query) : { where: "true", values: [] };
    const text = `SELECT ${kRecord} FROM ${table} WHERE ${where} ORDER BY place`;
    const all = (await read(who, { text }, values)).map(toAttempted);
    const matched = all.filter((rollout) => matchesRollout(rollout, query));
    return toPage(`store.${who}`, matched, query, sortFields.rollout);
  }
  const { where, values, order } = page;
  const { limit = null, offset = 0 } = query;
  const n = values.length;
  const text = `SELECT t.total, p.* FROM (SELECT count(*) AS total FROM ${table} WHERE ${where}) AS t
    LEFT JOIN (SELECT ${kRecord}, row_number() OVER (ORDER BY ${order}) AS i FROM ${table}
      WHERE ${where} ORDER BY ${order} LIMIT $${n + 1} OFFSET $${n + 2}) AS p ON true ORDER BY p.i`;
  const found = await read(who, { text }, [...values, limit, offset]);
  const items = found.filter((row) => row.rollout_id !== null).map(toAttempted);
  return { items, limit, offset, total: (found[0]?.total as number | undefined) ?? 0 };
}

export async function queryAttempts(
  read: Read,
  statements: Statements,
  rolloutId: string,
  query: AttemptQuery,
): Promise<Page<Attempt>> {
  const attempts = await attemptsOf(read, statements, "queryAttempts", rolloutId);
  return toPage("store.queryAttempts", attempts, query, sortFields.attempt);
}

/** By sequence id. @throws E_NOT_FOUND */
export async function attemptsOf(
  read: Read,
  statements: Statements,
  who: string,
  rolloutId: string,
): Promise<readonly Attempt[]> {
  const [row] = await read(who, statements.attempts, [toKey(rolloutId)]);
  return row === undefined ? notFound(who, "rollout", rolloutId) : (row.attempts as Attempt[]);
}

export async function querySpans(
  read: Read,
  statements: Statements,
  rolloutId: string,
  query: SpanQuery,
): Promise<Page<Span>> {
  const who = "querySpans";
  const attempts = await attemptsOf(read, statements, who, rolloutId);
  const attemptId = query.attemptId === "latest" ? attempts.at(-1)?.attemptId : query.attemptId;
  const isNone = query.attemptId !== undefined && attemptId === undefined;
  const values = [toKey(rolloutId), attemptId === undefined ? null : toKey(attemptId)];
  const sorted: SpanQuery = { sortBy: "sequenceId", ...query };
  checkQuery(who, sorted, sortFields.span);
  if (isNone) return toPage(`store.${who}`, [], sorted, sortFields.span);
  if (sorted.sortBy !== "sequenceId" || hasSpanFilters(query)) {
    const rows = await read(who, statements.spans, values);
    const matched = rows.map(({ body }) => body as Span).filter((span) => matchesSpan(span, query));
    return toPage(`store.${who}`, matched, sorted, sortFields.span);
  }
  const { limit = null, offset = 0, sortOrder } = query;
  const page = sortOrder === "desc" ? statements.spansPageDown : statements.spansPage;
  const found = await read(who, page, [...values, limit, offset]);
  const items = found.flatMap(({ body }) => (body === null ? [] : [body as Span]));
  return { items, limit, offset, total: (found[0]?.total as number | undefined) ?? 0 };
}

export async function getResources(
  read: Read,
  statements: Statements,
  resourcesId: string,
  version: number | undefined,
): Promise<ResourcesUpdate> {
  const isVersion =
    version === undefined || (Number.isInteger(version) && version > 0 && version <= 0x7fffffff);
  const values = [toKey(resourcesId), version ?? null];
  const [row] = isVersion ? await read("getResources", statements.resources, values) : [];
  const what = version === undefined ? resourcesId : `${resourcesId}, version ${version}`;
  return row === undefined ? notFound("getResources", "resources", what) : (row.body as ResourcesUpdate);
}

export async function queryResources(
  read: Read,
  statements: Statements,
  query: ResourcesQuery,
): Promise<Page<ResourcesUpdate>> {
  const who = "queryResources";
  const { resourcesId } = query;
  const values = [resourcesId === undefined ? null : toKey(resourcesId)];
  const all = (await read(who, statements.newestResources, values)).map(
    ({ body }) => body as ResourcesUpdate,
  );
  const matched = all.filter((update) => matchesResources(update, query));
  return toPage(`store.${who}`, matched, query, sortFields.resources);
}

export async function getLatestResources(
  read: Read,
  statements: Statements,
): Promise<ResourcesUpdate | null> {
  const [row] = await read("getLatestResources", statements.latestResources);
  return (row?.body as ResourcesUpdate | undefined) ?? null;
}

export async function countRows(read: Read, statements: Statements) {
  const [row] = await read("statistics", statements.statistics);
  return row as Omit<StoreStatistics, "name" | "uptimeSeconds">;
}

/** @throws E_NOT_FOUND */
export async function getWorker(read: Read, statements: Statements, workerId: string): Promise<Worker> {
  const [row] = await read("getWorker", statements.worker, [toKey(workerId)]);
  return row === undefined ? notFound("getWorker", "worker", workerId) : (row.body as Worker);
}

export async function queryWorkers(
  read: Read,
  statements: Statements,
  query: WorkerQuery,
): Promise<Page<Worker>> {
  const all = (await read("queryWorkers", statements.workers)).map(({ body }) => body as Worker);
  const matched = all.filter((worker) => matchesWorker(worker, query));
  return toPage("store.queryWorkers", matched, query, sortFields.worker);
}

// --- internal ---

/** Orders that are those of paging.ts: times with nulls as the end of time, ASCII text with null as "". */
const kRolloutOrder: Readonly<Record<string, string | undefined>> = {
  rolloutId: 'rollout_id COLLATE "C"',
  status: 'status COLLATE "C"',
  mode: `COALESCE(mode, '') COLLATE "C"`,
  startTime: "start_time",
  endTime: "COALESCE(end_time, 'infinity'::float8)",
};

/** Equal ones keep their order, also when descending. */
function orderOf(sortBy: string | undefined, sortOrder: "asc" | "desc"): string | undefined {
  if (sortBy === undefined) return "place";
  const column = kRolloutOrder[sortBy];
  return column === undefined ? undefined : `${column} ${sortOrder === "asc" ? "ASC" : "DESC"}, place`;
}

// Before anything is read; the page of nothing tells.
function checkQuery<T extends object>(who: string, query: T, fields: readonly string[]): void {
  toPage(`store.${who}`, [], query, fields);
}

function rolloutFilter(query: RolloutQuery) {
  const { statusIn, rolloutIdIn, rolloutIdContains, mode, metadata = {}, filterLogic } = query;
  const values: unknown[] = [];
  const filters: string[] = [];
  const add = (value: unknown, toSql: (parameter: string) => string) => {
    if (value === undefined) return;
    values.push(value);
    filters.push(toSql(`$${values.length}`));
  };
  add(statusIn, (list) => `status = ANY(${list}::text[])`);
  add(rolloutIdIn?.map(toKey), (list) => `rollout_id = ANY(${list}::text[])`);
  // Ids hold no character that toKey escapes, so an escaped part is in none of them.
  add(
    rolloutIdContains === undefined ? undefined : toKey(rolloutIdContains),
    (part) => `position(${part}::text IN rollout_id) > 0`,
  );
  add(mode, (wanted) => `mode IS NOT DISTINCT FROM ${wanted}::text`);
  for (const [name, filter] of Object.entries(metadata))
    filters.push(toLabelFilter(name, filter, (value) => `$${values.push(value)}`));
  const where = filters.join(filterLogic === "or" ? " OR " : " AND ");
  return { where: where === "" ? "true" : `(${where})`, values };
}
