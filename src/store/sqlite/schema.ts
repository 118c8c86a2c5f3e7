// The tables, their versions, and whose file it is.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { LightningError } from "../../base/error.js";
import type { Driver } from "./driver.js";

/** An attempt's key is its rollout's key times this, plus its sequence id: a rollout's attempts and spans lie together. */
export const kAttemptsPerRollout = 2 ** 20;

/** Step i brings version i to version i + 1. Only ever append. */
const kMigrations: readonly string[] = [
  `CREATE TABLE rollouts (
     key INTEGER PRIMARY KEY,       -- order of creation
     id TEXT NOT NULL UNIQUE,
     status TEXT NOT NULL,
     place INTEGER,                 -- in the queue; null: it is not there
     mode TEXT,
     resources_id TEXT,
     start_time REAL NOT NULL,
     end_time REAL,
     attempts INTEGER NOT NULL,     -- how many
     sequence INTEGER NOT NULL,     -- the last place for a span that was given away
     config TEXT NOT NULL,
     metadata TEXT NOT NULL,
     input TEXT                     -- null: undefined
   ) STRICT;
   CREATE INDEX rollouts_queue ON rollouts (place) WHERE place IS NOT NULL;
   CREATE TABLE attempts (
     key INTEGER PRIMARY KEY,       -- rollout key * 2^20 + sequence id
     id TEXT NOT NULL,
     status TEXT NOT NULL,
     worker_id TEXT,
     start_time REAL NOT NULL,
     end_time REAL,
     heartbeat_time REAL,
     deadline REAL,                 -- when the watchdog looks; null: never
     metadata TEXT NOT NULL
   ) STRICT;
   CREATE INDEX attempts_deadline ON attempts (deadline) WHERE deadline IS NOT NULL;
   CREATE TABLE spans (
     key INTEGER PRIMARY KEY,       -- order of arrival
     attempt INTEGER NOT NULL,
     sequence INTEGER NOT NULL,
     span_id TEXT NOT NULL,
     body TEXT NOT NULL             -- the whole span
   ) STRICT;
   CREATE UNIQUE INDEX spans_once ON spans (attempt, span_id);
   CREATE INDEX spans_order ON spans (attempt, sequence);
   CREATE TABLE workers (
     key INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     body TEXT NOT NULL
   ) STRICT;
   CREATE TABLE resources (
     key INTEGER PRIMARY KEY,       -- the largest is the latest
     id TEXT NOT NULL,
     version INTEGER NOT NULL,
     body TEXT NOT NULL,
     UNIQUE (id, version)
   ) STRICT;`,
  "ALTER TABLE rollouts ADD COLUMN resources_version INTEGER",
  // What prepares has a deadline always: the watchdog looks, and finds the right one.
  `CREATE INDEX rollouts_status ON rollouts (status);
   UPDATE attempts SET deadline = 0 WHERE status = 'preparing' AND deadline IS NULL;`,
  // The number of the last change that was told, of a rollout and of all: the latter outlives what is deleted.
  `ALTER TABLE rollouts ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
   UPDATE rollouts SET changed = key;
   CREATE INDEX rollouts_changed ON rollouts (changed);
   CREATE TABLE clock (changed INTEGER NOT NULL) STRICT;
   INSERT INTO clock SELECT coalesce(max(key), 0) FROM rollouts;`,
];

export const schemaVersion = kMigrations.length;

/**
 * Refuses a file of somebody else, or of a newer version, by its header, before SQLite touches it. A file that some process has open is
 * left to prepareSchema: closing another descriptor of it would drop this process's locks (POSIX).
 * @throws E_STORE
 */
export function checkHeader(path: string): void {
  if (!existsSync(path) || existsSync(`${path}-wal`) || existsSync(`${path}-shm`)) return;
  const header = Buffer.alloc(100);
  const file = openSync(path, "r");
  try {
    if (readSync(file, header) === 0) return;
  } finally {
    closeSync(file);
  }
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw foreign(path, "something else");
  checkOwner(path, header.readInt32BE(68), header.readInt32BE(60));
}

/** Of a file that is only read. @throws E_STORE when it is not ours, or of another version */
export function checkSchema(driver: Driver, path: string): void {
  const version = numberOf(driver, "PRAGMA user_version");
  checkOwner(path, numberOf(driver, "PRAGMA application_id"), version);
  if (version < schemaVersion)
    throw new LightningError(
      "E_STORE",
      `openStore: expected ${path} to have a schema of version ${schemaVersion}, got ${version}, and it may only be read; open a copy of it for writing once`,
    );
}

/** Creates the tables in an empty file, brings those of an older version forward. @throws E_STORE when it is not ours, or newer */
export function prepareSchema(driver: Driver, path: string): void {
  const number = (sql: string) => numberOf(driver, sql);
  if (number("SELECT count(*) FROM sqlite_schema") > 0) {
    checkOwner(path, number("PRAGMA application_id"), number("PRAGMA user_version"));
    if (number("PRAGMA user_version") === schemaVersion) return;
  }
  driver.exec("PRAGMA page_size = 8192");
  driver.exec("BEGIN IMMEDIATE");
  try {
    // Somebody else may have been faster.
    for (let version = number("PRAGMA user_version"); version < schemaVersion; version++)
      driver.exec(kMigrations[version] ?? "");
    driver.exec(`PRAGMA application_id = ${kApplicationId}`);
    driver.exec(`PRAGMA user_version = ${schemaVersion}`);
    driver.exec("COMMIT");
  } catch (error) {
    driver.exec("ROLLBACK");
    throw error;
  }
}

// --- internal ---

/** "AGLS". */
const kApplicationId = 0x41474c53;

function numberOf(driver: Driver, sql: string): number {
  return Number(Object.values(driver.prepare(sql).get() ?? {})[0]);
}

function checkOwner(path: string, applicationId: number, version: number): void {
  if (applicationId !== kApplicationId)
    throw foreign(path, `a SQLite database of another application (id ${applicationId})`);
  if (version > schemaVersion)
    throw new LightningError(
      "E_STORE",
      `openStore: expected ${path} to have a schema of at most version ${schemaVersion}, got ${version}; update agentlightning`,
    );
}

function foreign(path: string, got: string): LightningError {
  return new LightningError(
    "E_STORE",
    `openStore: expected ${path} to be a store of agentlightning, got ${got}; it was left as it is`,
  );
}
