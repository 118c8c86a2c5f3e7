// A long list of rollouts: their places in one text, and the rows in parts.
import type { AttemptedRollout, Rollout } from "../../types/rollout.js";
import { type Listing, listOf } from "../rollout-listing.js";
import type { RolloutQuery } from "../store-records.js";
import { pageOf, queryRollouts, type Read } from "./queries.js";
import { toAttempted } from "./rows.js";
import { kRecord } from "./sql.js";

/** @throws E_ARGUMENT */
export async function listRollouts(
  read: Read,
  table: string,
  query: RolloutQuery,
): Promise<Listing<Rollout | AttemptedRollout>> {
  const who = "queryRollouts";
  const page = pageOf(who, query);
  if (page === null) return listOf(await queryRollouts(read, table, query));
  const { where, values, order } = page;
  const n = values.length;
  const text = `SELECT (SELECT count(*) FROM ${table} WHERE ${where}) AS total, string_agg(place::text, ',' ORDER BY i) AS places
    FROM (SELECT place, row_number() OVER (ORDER BY ${order}) AS i FROM ${table}
      WHERE ${where} ORDER BY ${order} LIMIT $${n + 1} OFFSET $${n + 2}) AS p`;
  const [row] = await read(who, { text }, [...values, query.limit ?? null, query.offset ?? 0]);
  const places = row?.places === null ? [] : String(row?.places).split(",");
  return {
    total: Number(row?.total),
    length: places.length,
    async read(from, to) {
      const some = `SELECT p.i, ${kRecord} FROM unnest($1::int8[]) WITH ORDINALITY AS p (place, i) JOIN ${table} USING (place) ORDER BY p.i`;
      return (await read(who, { text: some }, [places.slice(from, to)])).map(toAttempted);
    },
  };
}
