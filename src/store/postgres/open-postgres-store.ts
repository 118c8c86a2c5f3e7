// Opens the store in a schema of a PostgreSQL database: connection, tables, ears.
import { checkInteger } from "../../base/check.js";
import { givenOptions } from "../../base/options.js";
import { type PreparingOptions, toPreparingSeconds } from "../preparing-limit.js";
import type { LightningStore } from "../store.js";
import { kLongestTimerMs } from "../waiters.js";
import { createDatabase } from "./database.js";
import { DatabaseFailure, storeError } from "./failure.js";
import { checkSchema } from "./identifier.js";
import { type PostgresSettings, PostgresStore } from "./postgres-store.js";
import { migrate } from "./schema.js";

export interface PostgresStoreOptions extends PreparingOptions {
  /** Stores of one database are told apart by it; it is created. Default "agentlightning". */
  readonly schema?: string;
  /** Connections for reading, beside one that writes and one that listens. Default 4. */
  readonly poolSize?: number;
  /** Default 5000. */
  readonly connectTimeoutMs?: number;
  /** Of one statement, locks included. Default 15000. */
  readonly statementTimeoutMs?: number;
  /** How long a call is tried while the database cannot be reached, as when it restarts. Default 30000. */
  readonly timeoutMs?: number;
  /** How often waits and the watchdog look although nothing was heard. Default 2000. */
  readonly pollMs?: number;
}

/**
 * Opens the store of a schema, created or migrated where needed.
 * @param url  postgres://USER:PASSWORD@HOST:PORT/DATABASE, as libpq and `pg` know it
 * @throws E_ARGUMENT; E_STORE when the database cannot be reached or its schema is foreign or newer
 */
export async function openPostgresStore(
  url: string,
  options: PostgresStoreOptions = {},
): Promise<LightningStore> {
  const schema = checkSchema("openStore", options.schema ?? kDefaults.schema);
  const preparingSeconds = toPreparingSeconds("openStore", options);
  const settings: PostgresSettings = { ...kDefaults, ...givenOptions(options), schema, preparingSeconds };
  for (const name of ["poolSize", "connectTimeoutMs", "statementTimeoutMs", "timeoutMs", "pollMs"] as const)
    checkInteger("openStore", name, settings[name], { min: 1, max: kLongestTimerMs });
  const database = await createDatabase(url, settings);
  try {
    const session = await database.connect();
    await migrate(session, schema).finally(() => session.drop());
    return await PostgresStore.listening(database, settings);
  } catch (error) {
    await database.close();
    if (!(error instanceof DatabaseFailure)) throw error;
    throw storeError("openStore", database.target, error, "is it running, and are user and password right?");
  }
}

// --- internal ---

const kDefaults = {
  schema: "agentlightning",
  poolSize: 4,
  connectTimeoutMs: 5000,
  statementTimeoutMs: 15_000,
  timeoutMs: 30_000,
  pollMs: 2000,
};
