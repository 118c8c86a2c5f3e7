// The tables of a store, and how those of an older version become those of this one. Migrations only go forward.
import { LightningError } from "../../base/error.js";
import type { Rollout } from "../../types/rollout.js";
import type { Session } from "./database.js";
import { lockKeysOf, quoteIdentifier } from "./identifier.js";
import { toLabels } from "./labels.js";

/** Creates or migrates the schema's tables; of several processes one does it while the others wait. @throws E_STORE */
export async function migrate(session: Session, schema: string): Promise<void> {
  const { space, tables } = lockKeysOf(schema);
  await session.query({ text: "BEGIN ISOLATION LEVEL READ COMMITTED" });
  await session.query({ text: "SELECT pg_advisory_xact_lock($1, $2)" }, [space, tables]);
  const at = quoteIdentifier(schema);
  const version = await versionOf(session, schema);
  if (version > kMigrations.length)
    throw new LightningError(
      "E_STORE",
      `openStore: expected schema ${schema} of version ${kMigrations.length} or older, got version ${version}; ` +
        "a newer agentlightning made it: upgrade this one",
    );
  for (const migration of kMigrations.slice(version)) await session.query({ text: migration(at) });
  if (version < kMigrations.length)
    await session.query({ text: `UPDATE ${at}.agentlightning SET version = $1` }, [kMigrations.length]);
  await labelAll(session, at);
  // What stores left that never closed.
  await session.query({ text: `DELETE FROM ${at}.writers WHERE seen_time < ${kWeekAgo}` });
  await session.query({ text: "COMMIT" });
}

// --- internal ---

const kWeekAgo = "extract(epoch FROM clock_timestamp()) - 604800";

/** 0 before the first migration. */
async function versionOf(session: Session, schema: string): Promise<number> {
  const found = await session.query(
    {
      text: `SELECT c.relname AS name FROM pg_namespace AS n LEFT JOIN pg_class AS c
        ON c.relnamespace = n.oid AND c.relname = ANY($2::text[]) WHERE n.nspname = $1`,
    },
    [schema, kTables],
  );
  const at = quoteIdentifier(schema);
  if (found.length === 0) await session.query({ text: `CREATE SCHEMA ${at}` });
  const names = found.map(({ name }) => name).filter((name) => name !== null);
  if (names.includes("agentlightning")) {
    const [row] = await session.query({ text: `SELECT version FROM ${at}.agentlightning` });
    return Number(row?.version ?? 0);
  }
  if (names.length > 0)
    throw new LightningError(
      "E_STORE",
      `openStore: expected schema ${schema} to hold a store or none of its tables, got a foreign ${names.join(", ")}; choose another schema`,
    );
  await session.query({ text: `CREATE TABLE ${at}.agentlightning (version int NOT NULL)` });
  await session.query({ text: `INSERT INTO ${at}.agentlightning VALUES (0)` });
  return 0;
}

/** Of an older version's rollouts. */
async function labelAll(session: Session, at: string): Promise<void> {
  for (;;) {
    const text = `SELECT rollout_id, body FROM ${at}.rollouts WHERE labels IS NULL LIMIT 1000`;
    const rows = await session.query({ text });
    if (rows.length === 0) return;
    const labels = rows.map(({ body }) => toLabels((body as Rollout).metadata));
    const update = `UPDATE ${at}.rollouts AS r SET labels = n.labels::jsonb
      FROM unnest($1::text[], $2::text[]) AS n (id, labels) WHERE r.rollout_id = n.id`;
    await session.query({ text: update }, [rows.map(({ rollout_id }) => rollout_id), labels]);
  }
}

const kTables = ["agentlightning", "places", "rollouts", "spans", "resources", "workers", "writers"];

/** From version i to i + 1. Bodies are json and not jsonb: they are read whole, and appending to jsonb measured twice as slow. */
const kMigrations: readonly ((at: string) => string)[] = [
  (at) => `
    CREATE SEQUENCE ${at}.places;
    CREATE TABLE ${at}.rollouts (
      rollout_id text PRIMARY KEY,
      place int8 NOT NULL,
      queue_place int8,
      status text NOT NULL,
      mode text,
      start_time float8 NOT NULL,
      end_time float8,
      deadline float8,
      last_sequence_id int8 NOT NULL DEFAULT 0,
      attempt_count int NOT NULL,
      body json NOT NULL,
      attempts json NOT NULL,
      input json NOT NULL
    );
    CREATE INDEX rollouts_by_place ON ${at}.rollouts (place);
    CREATE INDEX rollouts_by_queue_place ON ${at}.rollouts (queue_place) WHERE queue_place IS NOT NULL;
    CREATE INDEX rollouts_by_deadline ON ${at}.rollouts (deadline) WHERE deadline IS NOT NULL;
    CREATE TABLE ${at}.spans (
      rollout_id text NOT NULL,
      attempt_id text NOT NULL,
      span_id text NOT NULL,
      sequence_id int8 NOT NULL,
      place int8 GENERATED ALWAYS AS IDENTITY,
      body json NOT NULL,
      PRIMARY KEY (rollout_id, attempt_id, span_id)
    );
    CREATE TABLE ${at}.resources (
      resources_id text NOT NULL,
      version int NOT NULL,
      place int8 NOT NULL UNIQUE,
      create_time float8 NOT NULL,
      body json NOT NULL,
      PRIMARY KEY (resources_id, version)
    );
    CREATE TABLE ${at}.workers (
      worker_id text PRIMARY KEY,
      place int8 GENERATED ALWAYS AS IDENTITY,
      body json NOT NULL
    );
    CREATE TABLE ${at}.writers (
      writer_id text PRIMARY KEY,
      last_group int8 NOT NULL,
      seen_time float8 NOT NULL
    );`,
  // What prepares has a deadline always: the watchdog looks, and finds the right one.
  (at) => `
    CREATE INDEX rollouts_by_status ON ${at}.rollouts (status, place);
    UPDATE ${at}.rollouts SET deadline = 0 WHERE status = 'preparing' AND deadline IS NULL;`,
  // Which transaction changed it last (changes-since.ts), and what can be asked of its metadata (labels.ts): null until it is known.
  (at) => `
    ALTER TABLE ${at}.rollouts ADD COLUMN changed int8 NOT NULL DEFAULT 0, ADD COLUMN labels jsonb;
    CREATE INDEX rollouts_by_change ON ${at}.rollouts (changed, place);`,
  // Long lists are read by places.
  (at) => `
    CREATE INDEX spans_by_place ON ${at}.spans (place);
    CREATE INDEX workers_by_place ON ${at}.workers (place);`,
];
