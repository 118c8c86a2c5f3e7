// Long lists from the file: their keys at once, in one text, and the rows in parts.
import type { ResourcesUpdate } from "../../types/resources.js";
import type { AttemptedRollout, Rollout, Worker } from "../../types/rollout.js";
import type { Span } from "../../types/span.js";
import { type Keyed, type Listing, type Listings, listKeyed } from "../listings.js";
import { hasSpanFilters, matchesResources, matchesRollout, matchesSpan, matchesWorker } from "../matches.js";
import { checkRolloutFilters } from "../metadata-filter.js";
import { sortFields } from "../paging.js";
import type { RolloutQuery } from "../store-records.js";
import type { SqlValue } from "./driver.js";
import { kNewestResources, kSelectRollouts, orderOf, spanScope, toFound } from "./queries.js";
import { fromJson } from "./rows.js";
import type { Tables } from "./tables.js";

/** Runs work that reads. */
export type Ask = <T>(who: string, work: (tables: Tables) => T) => Promise<T>;

export function sqliteListings(ask: Ask): Listings {
  return {
    rollouts: (query, without) => listRollouts(ask, query, without),
    async spans(rolloutId, query) {
      const who = "querySpans";
      const isByPlace = query.sortBy === undefined || query.sortBy === "sequenceId";
      const order = isByPlace && query.sortOrder !== "desc" ? "sequence, key" : "key";
      const open = async () => {
        const scope = await ask(who, (tables) => spanScope(tables.entryOf(who, rolloutId), query.attemptId));
        const found = scope ?? { where: "false", values: [] };
        const keys = await keysOf(
          ask,
          who,
          `key FROM spans WHERE ${found.where} ORDER BY ${order}`,
          found.values,
        );
        return { keys, find: bodiesIn<Span>(ask, who, "spans") };
      };
      const matches = hasSpanFilters(query) ? (span: Span) => matchesSpan(span, query) : undefined;
      return listKeyed(open, {
        ...{
          who: `store.${who}`,
          fields: sortFields.span,
          query: { sortBy: "sequenceId", ...query },
          matches,
        },
        isSorted: order !== "key",
      });
    },
    async workers(query, without) {
      const who = "queryWorkers";
      const open = async () => {
        const keys = await keysOf(ask, who, "key FROM workers ORDER BY key");
        return { keys, find: bodiesIn<Worker>(ask, who, "workers") };
      };
      const isAll = (query.statusIn ?? query.workerIdContains ?? without) === undefined;
      const matches = (worker: Worker) => worker.workerId !== without && matchesWorker(worker, query);
      const fields = sortFields.worker;
      return listKeyed(open, { who: `store.${who}`, fields, query, matches: isAll ? undefined : matches });
    },
    async resources(query) {
      const who = "queryResources";
      const open = async () => {
        const keys = await keysOf(ask, who, `r.key AS key FROM ${kNewestResources}`);
        return { keys, find: bodiesIn<ResourcesUpdate>(ask, who, "resources") };
      };
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
  ask: Ask,
  query: RolloutQuery,
  without: string | undefined,
): Promise<Listing<Rollout | AttemptedRollout>> {
  const who = "queryRollouts";
  checkRolloutFilters(`store.${who}`, query);
  const bySql = orderOf(query);
  const { where, values, order } = bySql ?? { where: "true", values: [], order: "r.key" };
  // Looked for in the text, which costs a tenth of taking it apart; only the gateway has such names, and none within others.
  const shown = without === undefined ? "" : " AND instr(r.metadata, ?) = 0";
  const from = `r.key AS key FROM rollouts r WHERE ${where}${shown} ORDER BY ${order}`;
  const parameters = without === undefined ? values : [...values, `${JSON.stringify(without)}:true`];
  const find: Keyed<Rollout | AttemptedRollout>["find"] = (keys) =>
    ask(who, ({ db }) => {
      const rows = db.all(`${kSelectRollouts} WHERE r.key IN (${kThese})`, JSON.stringify([...keys]));
      return new Map(rows.map((row) => [row.key as number, toFound(row)]));
    });
  const open = async () => ({ keys: await keysOf(ask, who, from, parameters), find });
  return listKeyed<Rollout | AttemptedRollout>(open, {
    ...{ who: `store.${who}`, fields: sortFields.rollout, query, isSorted: bySql !== null },
    matches: bySql === null ? (rollout) => matchesRollout(rollout, query) : undefined,
  });
}

const kThese = "SELECT value FROM json_each(?)";

async function keysOf(
  ask: Ask,
  who: string,
  select: string,
  values: readonly SqlValue[] = [],
): Promise<Float64Array> {
  const sql = `SELECT group_concat(key) FROM (SELECT ${select})`;
  const text = (await ask(who, ({ db }) => db.value(sql, ...values))) as string | number | null;
  return text === null ? new Float64Array() : Float64Array.from(String(text).split(","), Number);
}

function bodiesIn<T>(ask: Ask, who: string, table: string): Keyed<T>["find"] {
  const sql = `SELECT key, body FROM ${table} WHERE key IN (${kThese})`;
  return (keys) =>
    ask(who, ({ db }) => {
      const rows = db.all(sql, JSON.stringify([...keys]));
      return new Map(rows.map(({ key, body }) => [key as number, fromJson<T>(body)]));
    });
}
