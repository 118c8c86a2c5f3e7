// Every statement of the store, for one schema. Names are for the driver, which prepares a statement once for each connection.
import { quoteIdentifier, quoteLiteral } from "./identifier.js";

export interface Statement {
  readonly name?: string;
  readonly text: string;
}

export type Statements = ReturnType<typeof toStatements>;

export function toStatements(schema: string) {
  const at = (table: string) => `${quoteIdentifier(schema)}.${table}`;
  const nextPlace = `nextval(${quoteLiteral(at("places"))})`;
  const spansPage = (direction: "ASC" | "DESC") => `SELECT t.total, p.body
    FROM (SELECT count(*) AS total FROM ${at("spans")} WHERE ${kOfAttempt}) AS t
    LEFT JOIN (SELECT body, row_number() OVER (ORDER BY sequence_id ${direction}, place) AS i FROM ${at("spans")}
      WHERE ${kOfAttempt} ORDER BY sequence_id ${direction}, place LIMIT $3 OFFSET $4) AS p ON true ORDER BY p.i`;
  const all = {
    // One row for each open store. No row comes back when this group was committed before. The time never falls: one from the future
    // tells the watchdog that the clock was set back.
    enterGroup: `INSERT INTO ${at("writers")} AS w (writer_id, last_group, seen_time) VALUES ($1, $2, ${kNow})
      ON CONFLICT (writer_id) DO UPDATE SET last_group = excluded.last_group, seen_time = greatest(w.seen_time, excluded.seen_time)
      WHERE w.last_group < excluded.last_group RETURNING ${kNow} AS now`,
    leave: `DELETE FROM ${at("writers")} WHERE writer_id = $1`,

    // Rows are waited for in the order of their ids, so that two transactions never wait for each other.
    lock: `SELECT ${kEntry}, CASE WHEN rollout_id = ANY($2::text[]) THEN input END AS input
      FROM ${at("rollouts")} WHERE rollout_id = ANY($1::text[]) ORDER BY rollout_id FOR UPDATE`,
    pickQueued: `SELECT ${kEntry}, input FROM ${at("rollouts")}
      WHERE queue_place IS NOT NULL ORDER BY queue_place LIMIT $1 FOR UPDATE SKIP LOCKED`,
    pickOverdue: `SELECT ${kEntry} FROM ${at("rollouts")}
      WHERE deadline < ${kNow} ORDER BY deadline LIMIT $1 FOR UPDATE SKIP LOCKED`,
    keptSpans: `SELECT concat_ws(chr(10), s.rollout_id, s.attempt_id, s.span_id) AS key
      FROM unnest($1::text[], $2::text[], $3::text[]) AS n (rollout_id, attempt_id, span_id)
      JOIN ${at("spans")} AS s USING (rollout_id, attempt_id, span_id)`,
    lockResources: "SELECT pg_advisory_xact_lock($1, $2)",
    knownResources: `(SELECT DISTINCT ON (resources_id) resources_id, version, create_time, false AS is_latest
        FROM ${at("resources")} WHERE resources_id = ANY($1::text[]) ORDER BY resources_id, version DESC)
      UNION ALL (SELECT resources_id, version, create_time, true FROM ${at("resources")} ORDER BY place DESC LIMIT 1)`,
    lockWorkers: `SELECT worker_id, body FROM ${at("workers")}
      WHERE worker_id = ANY($1::text[]) ORDER BY worker_id FOR UPDATE`,
    // Somebody else may have added it meanwhile: theirs is locked and comes back.
    addWorkers: `INSERT INTO ${at("workers")} (worker_id, body) SELECT id, body::json
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (id, body, i) ORDER BY id
      ON CONFLICT (worker_id) DO UPDATE SET worker_id = excluded.worker_id RETURNING worker_id, body`,

    insertRollouts: `INSERT INTO ${at("rollouts")}
        (rollout_id, place, queue_place, status, mode, start_time, end_time, deadline, body, attempts, attempt_count, input,
         last_sequence_id, labels, changed)
      SELECT id, ${nextPlace}, CASE WHEN queued THEN ${nextPlace} END, status, mode, start_time,
        end_time, deadline, body::json, attempts::json, attempt_count, input::json, last_sequence_id, labels::jsonb, ${kChange}
      FROM (SELECT * FROM unnest($1::text[], $2::bool[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[],
          $8::text[], $9::text[], $10::int[], $11::text[], $12::int8[], $13::text[]) WITH ORDINALITY
        AS n (id, queued, status, mode, start_time, end_time, deadline, body, attempts, attempt_count, input,
          last_sequence_id, labels, i) ORDER BY i) AS n`,
    // One that stays queued keeps its place; one that is queued anew goes behind all others.
    updateRollouts: `UPDATE ${at("rollouts")} AS r SET
        queue_place = CASE WHEN NOT n.queued THEN NULL ELSE COALESCE(r.queue_place, ${nextPlace}) END,
        status = n.status, mode = n.mode, end_time = n.end_time, deadline = n.deadline, body = n.body::json,
        attempts = n.attempts::json, attempt_count = n.attempt_count, last_sequence_id = n.last_sequence_id,
        labels = n.labels::jsonb, changed = CASE WHEN n.is_news THEN ${kChange} ELSE r.changed END
      FROM unnest($1::text[], $2::bool[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::text[], $8::text[],
          $9::int[], $10::int8[], $11::text[], $12::bool[])
        AS n (id, queued, status, mode, end_time, deadline, body, attempts, attempt_count, last_sequence_id, labels, is_news)
      WHERE r.rollout_id = n.id`,
    deleteRollouts: `WITH gone AS (DELETE FROM ${at("rollouts")} WHERE rollout_id = ANY($1::text[]))
      DELETE FROM ${at("spans")} WHERE rollout_id = ANY($1::text[])`,
    updateInputs: `UPDATE ${at("rollouts")} AS r SET input = n.input::json
      FROM unnest($1::text[], $2::text[]) AS n (id, input) WHERE r.rollout_id = n.id`,
    insertSpans: `INSERT INTO ${at("spans")} (rollout_id, attempt_id, span_id, sequence_id, body)
      SELECT rollout_id, attempt_id, span_id, sequence_id, body::json
      FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::text[]) WITH ORDINALITY
        AS n (rollout_id, attempt_id, span_id, sequence_id, body, i) ORDER BY i`,
    updateWorkers: `UPDATE ${at("workers")} AS w SET body = n.body::json
      FROM unnest($1::text[], $2::text[]) AS n (id, body) WHERE w.worker_id = n.id`,
    insertResources: `INSERT INTO ${at("resources")} (resources_id, version, place, create_time, body)
      SELECT id, version, ${nextPlace}, create_time, body::json
      FROM (SELECT * FROM unnest($1::text[], $2::int[], $3::float8[], $4::text[]) WITH ORDINALITY
        AS n (id, version, create_time, body, i) ORDER BY i) AS n`,
    notify: "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",

    rollout: `SELECT ${kRecord} FROM ${at("rollouts")} WHERE rollout_id = $1`,
    rollouts: `SELECT ${kRecord} FROM ${at("rollouts")} WHERE rollout_id = ANY($1::text[])`,
    // One that was deleted had ended.
    ended: `SELECT id AS rollout_id FROM unnest($1::text[]) AS id WHERE NOT EXISTS (SELECT 1 FROM ${at("rollouts")} AS r
      WHERE r.rollout_id = id AND r.status NOT IN ('succeeded', 'failed', 'cancelled'))`,
    isQueued: `SELECT 1 FROM ${at("rollouts")} WHERE queue_place IS NOT NULL LIMIT 1`,
    attempts: `SELECT attempts FROM ${at("rollouts")} WHERE rollout_id = $1`,
    spans: `SELECT body FROM ${at("spans")} WHERE ${kOfAttempt} ORDER BY place`,
    spansPage: spansPage("ASC"),
    spansPageDown: spansPage("DESC"),
    resources: `SELECT body FROM ${at("resources")}
      WHERE resources_id = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1`,
    latestResources: `SELECT body FROM ${at("resources")} ORDER BY place DESC LIMIT 1`,
    newestResources: `SELECT n.body FROM ${at("resources")} AS f JOIN LATERAL (SELECT body FROM ${at("resources")} AS v
        WHERE v.resources_id = f.resources_id ORDER BY version DESC LIMIT 1) AS n ON true
      WHERE f.version = 1 AND ($1::text IS NULL OR f.resources_id = $1) ORDER BY f.place`,
    worker: `SELECT body FROM ${at("workers")} WHERE worker_id = $1`,
    someWorkers: `SELECT body FROM ${at("workers")} WHERE worker_id = ANY($1::text[])`,
    workers: `SELECT body FROM ${at("workers")} ORDER BY place`,
    nextDeadline: `SELECT min(deadline) AS deadline, ${kNow} AS now, (SELECT max(seen_time) FROM ${at("writers")}) AS seen
      FROM ${at("rollouts")} WHERE deadline IS NOT NULL`,
    // After the clock was set back: the watchdog looks at all that have a deadline, and finds the right one.
    lookAtAll: `WITH ahead AS (SELECT rollout_id FROM ${at("rollouts")} WHERE deadline IS NOT NULL ORDER BY rollout_id FOR UPDATE),
      due AS (UPDATE ${at("rollouts")} AS r SET deadline = 0 FROM ahead WHERE r.rollout_id = ahead.rollout_id)
      UPDATE ${at("writers")} SET seen_time = ${kNow} WHERE seen_time > ${kNow}`,
    statistics: `SELECT (SELECT count(*) FROM ${at("rollouts")}) AS rollouts,
      (SELECT COALESCE(sum(attempt_count), 0)::int8 FROM ${at("rollouts")}) AS attempts,
      (SELECT count(*) FROM ${at("spans")}) AS spans,
      (SELECT count(*) FROM ${at("resources")} WHERE version = 1) AS resources,
      (SELECT count(*) FROM ${at("workers")}) AS workers`,
  } as const satisfies Readonly<Record<string, string>>;
  const entries = Object.entries(all).map(([name, text]) => [name, { name: `agl_${name}`, text }]);
  return Object.fromEntries(entries) as Readonly<Record<keyof typeof all, Statement>>;
}

/** The database's clock, unix seconds: the one clock of a store that several machines share. */
export const kNow = "extract(epoch FROM clock_timestamp())::float8";

/** What a rollout is read from. JSON is taken apart here only: PostgreSQL cannot look into one that holds a NUL. */
export const kRecord = "rollout_id, body, input, attempts";

// --- internal ---

/** This transaction's number, by which changes are told (changes-since.ts). */
const kChange = "pg_current_xact_id()::text::int8";
const kOfAttempt = "rollout_id = $1 AND ($2::text IS NULL OR attempt_id = $2)";
const kEntry = "rollout_id, body, attempts, last_sequence_id";
