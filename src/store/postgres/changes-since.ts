// Which rollouts changed after a cursor. A row has the number of the transaction that changed it last; numbers are given out before the
// commit, so one may become visible after a larger one. A cursor therefore begins again at the oldest transaction that was still running
// when it was read: nothing is missed, and what lies above may come twice.
import { foreignCursor } from "../cursor.js";
import type { ChangedRollouts } from "../store-records.js";
import type { Read } from "./queries.js";
import { toAttempted } from "./rows.js";
import { kRecord } from "./sql.js";

/** @param table  of rollouts @throws E_ARGUMENT */
export async function changesSince(
  read: Read,
  table: string,
  since: string | undefined,
  limit: number,
): Promise<ChangedRollouts> {
  const after = toPlace(since);
  const text = `SELECT p.*, t.* FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS oldest,
      pg_snapshot_xmax(pg_current_snapshot())::text AS next) AS t
    LEFT JOIN (SELECT ${kRecord}, changed, place FROM ${table}
      WHERE (changed, place) > ($1::int8, $2::int8) ORDER BY changed, place LIMIT $3) AS p ON true ORDER BY p.changed, p.place`;
  const rows = await read("changes", { text }, [after.change, after.place, limit]);
  const oldest = String(rows[0]?.oldest ?? "0");
  // Of a database that has not come so far: another one, or an older copy.
  if (BigInt(after.change) > BigInt(String(rows[0]?.next ?? "0"))) throw foreignCursor(since);
  const found = rows.filter(({ rollout_id }) => rollout_id !== null);
  const from = after.from ?? oldest;
  const last = found.length < limit ? undefined : found.at(-1);
  const cursor = last === undefined ? `${from}` : `${last.changed}.${last.place}.${from}`;
  return { items: found.map(toAttempted), cursor };
}

// --- internal ---

interface Place {
  readonly change: string;
  readonly place: string;
  /** In the middle of a walk: where the one after it begins. */
  readonly from?: string;
}

/** FROM, or CHANGE.PLACE.FROM in the middle of a walk. */
function toPlace(since: string | undefined): Place {
  if (since === undefined) return { change: "-1", place: "0" };
  const [, walk, from] =
    (typeof since === "string" ? /^(?:(\d{1,18}\.\d{1,18})\.)?(\d{1,18})$/.exec(since) : null) ?? [];
  if (from === undefined) throw foreignCursor(since);
  const [change, place] = walk?.split(".") ?? [];
  if (change === undefined || place === undefined) return { change: from, place: "-1" };
  return { change, place, from };
}
