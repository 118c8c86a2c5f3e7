// Long lists from the database: their places in one text, and the rows in parts.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { type Keyed, type Listing, type Listings, listKeyed } from "../listings.js";
import { hasSpanFilters, matchesResources, matchesRollout, matchesSpan, matchesWorker } from "../matches.js";
import { sortFields } from "../paging.js";
import type { RolloutQuery } from "../store-records.js";
import type { Row } from "./database.js";
import { quoteIdentifier } from "./identifier.js";
import { attemptsOf, pageOf, type Read } from "./queries.js";
import { toAttempted } from "./rows.js";
import { kRecord, type Statements } from "./sql.js";
import { toKey } from "./text.js";

export function postgresListings(read: Read, statements: Statements, schema: string): Listings {
  const at = (table: string) => `${quoteIdentifier(schema)}.${table}`;
  return {
    rollouts: (query, without) => listRollouts(read, at("rollouts"), query, without),
    async spans(rolloutId, query) {
      const who = "querySpans";
      const sorted = { sortBy: "sequenceId", ...query } as const;
      const isSorted = sorted.sortBy === "sequenceId" && query.sortOrder !== "desc";
      const open = async () => {
        const attempts = await attemptsOf(read, statements, who, rolloutId);
        const { attemptId } = query;
        const wanted = attemptId === "latest" ? attempts.at(-1)?.attemptId : attemptId;
        if (attemptId !== undefined && wanted === undefined) return nothing<Span>();
        const of = `${at("spans")} WHERE rollout_id = $1 AND ($2::text IS NULL OR attempt_id = $2)`;
        const values = [toKey(rolloutId), wanted === undefined ? null : toKey(wanted)];
        const keys = await placesOf(read, who, of, isSorted ? "sequence_id, place" : "place", values);
        return { keys, find: bodiesIn<Span>(read, who, at("spans")) };
      };
      const matches = hasSpanFilters(query) ? (span: Span) => matchesSpan(span, query) : undefined;
      return listKeyed(open, {
        who: `store.${who}`,
        fields: sortFields.span,
        query: sorted,
        matches,
        isSorted,
      });
    },
    async workers(query, without) {
      const who = "queryWorkers";
      const open = async () => ({
        keys: await placesOf(read, who, at("workers"), "place"),
        find: bodiesIn<Worker>(read, who, at("workers")),
      });
      const isAll = (query.statusIn ?? query.workerIdContains ?? without) === undefined;
      const matches = (worker: Worker) => worker.workerId !== without && matchesWorker(worker, query);
      const fields = sortFields.worker;
      return listKeyed(open, { who: `store.${who}`, fields, query, matches: isAll ? undefined : matches });
    },
    async resources(query) {
      const who = "queryResources";
      const newest = `(SELECT DISTINCT ON (resources_id) place, min(place) OVER (PARTITION BY resources_id) AS first
        FROM ${at("resources")} ORDER BY resources_id, version DESC) AS n`;
      const open = async () => ({
        keys: await placesOf(read, who, newest, "first"),
        find: bodiesIn<ResourcesUpdate>(read, who, at("resources")),
      });
      const isAll = (query.resourcesId ?? query.resourcesIdContains) === undefined;
      const matches = (update: ResourcesUpdate) => matchesResources(update, query);
      const fields = sortFields.resources;
      return listKeyed(open, { who: `store.${who}`, fields, query, matches: isAll ? undefined : matches });
    },
  };
}

// --- internal ---

/** @throws E_ARGUMENT */
async function listRollouts(
  read: Read,
  table: string,
  query: RolloutQuery,
  without: string | undefined,
): Promise<Listing<Rollout | AttemptedRollout>> {
  const who = "queryRollouts";
  const page = pageOf(who, query);
  const { where, values, order } = page ?? { where: "true", values: [], order: "place" };
  const hidden = without === undefined ? [] : [`{${JSON.stringify(without)}:true}`];
  const shown = without === undefined ? "" : ` AND NOT labels @> $${values.length + 1}::text::jsonb`;
  const find: Keyed<Rollout | AttemptedRollout>["find"] = async (places) => {
    const text = `SELECT place, ${kRecord} FROM ${table} WHERE place = ANY($1::int8[])`;
    return byPlace(await read(who, { text }, [[...places]]), toAttempted);
  };
  const open = async () => ({
    keys: await placesOf(read, who, `${table} WHERE ${where}${shown}`, order, [...values, ...hidden]),
    find,
  });
  return listKeyed<Rollout | AttemptedRollout>(open, {
    ...{ who: `store.${who}`, fields: sortFields.rollout, query, isSorted: page !== null },
    matches: page === null ? (rollout) => matchesRollout(rollout, query) : undefined,
  });
}

async function placesOf(
  read: Read,
  who: string,
  from: string,
  order: string,
  values: readonly unknown[] = [],
): Promise<Float64Array> {
  const text = `SELECT string_agg(place::text, ',' ORDER BY i) AS places
    FROM (SELECT place, row_number() OVER (ORDER BY ${order}) AS i FROM ${from}) AS p`;
  const [row] = await read(who, { text }, values);
  const places = row?.places as string | null | undefined;
  return places ? Float64Array.from(places.split(","), Number) : new Float64Array();
}

function bodiesIn<T>(read: Read, who: string, table: string): Keyed<T>["find"] {
  const text = `SELECT place, body FROM ${table} WHERE place = ANY($1::int8[])`;
  return async (places) => byPlace(await read(who, { text }, [[...places]]), ({ body }) => body as T);
}

function byPlace<T>(rows: readonly Row[], toRecord: (row: Row) => T): ReadonlyMap<number, T> {
  return new Map(rows.map((row) => [row.place as number, toRecord(row)]));
}

function nothing<T>(): Keyed<T> {
  return { keys: new Float64Array(), find: async () => new Map() };
}
