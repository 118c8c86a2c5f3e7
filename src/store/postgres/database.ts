// Connections to one PostgreSQL database: a pool for reading, and sessions of their own for writing and listening. The driver is an
// optional peer dependency and loaded here, when a store is opened.
import type { Client, ClientConfig, Pool } from "pg";
import { LightningError } from "../../base/error.js";
import { DatabaseFailure, storeError } from "./failure.js";
import { createPatience } from "./patience.js";
import type { Statement } from "./sql.js";

/** A row as the driver gives it: columns by name, JSON parsed, 8-byte integers as numbers. */
export type Row = Readonly<Record<string, unknown>>;

export interface Session {
  /** Queries wait for nothing: several are sent at once and run in order. @throws DatabaseFailure */
  query(statement: Statement, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** @throws DatabaseFailure when the transaction was undone instead, as after an error */
  commit(): Promise<void>;
  /** @param onEnd  when the connection is gone, at once if it is already */
  listen(channel: string, onPayload: (payload: string) => void, onEnd: () => void): Promise<void>;
  /** Whether it keeps the process alive; it does at first. */
  hold(isHeld: boolean): void;
  /** Ends it, whatever it does. */
  drop(): void;
}

export interface DatabaseOptions {
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly timeoutMs: number;
}

export interface Database {
  /** user@host:port/name, without the password. */
  readonly target: string;
  /** A new connection. @throws DatabaseFailure */
  connect(): Promise<Session>;
  /** The rows of a query that changes nothing, tried again while the database cannot be reached. @throws E_STORE, E_CLOSED */
  read(who: string, statement: Statement, values?: readonly unknown[]): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/** Connects to nothing yet. @throws E_ARGUMENT when there is no driver or the URL is none */
export async function createDatabase(url: string, options: DatabaseOptions): Promise<Database> {
  const pg = await loadDriver();
  const config: ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.statementTimeoutMs + kGraceMs,
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
    fallback_application_name: "agentlightning",
    types: {
      getTypeParser: ((oid: number, format?: "text") =>
        oid === kInt8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  };
  const target = describe(() => new pg.Client(config));
  const pool = new pg.Pool({ ...config, max: options.poolSize, allowExitOnIdle: true });
  // An idle connection that ends leaves the pool; whoever needs one gets another, or the error.
  pool.on("error", () => undefined);
  const closing = new AbortController();
  return {
    target,
    connect: () => connect(new pg.Client({ ...config, pipeline: true }) as HeldClient),
    async read(who, statement, values) {
      const patience = createPatience({ timeoutMs: options.timeoutMs, signal: closing.signal });
      for (;;) {
        try {
          return await readOnce(pool, statement, values);
        } catch (failure) {
          if (closing.signal.aborted)
            throw new LightningError("E_CLOSED", `store.${who}: the store was closed`, { cause: failure });
          if (!(failure instanceof DatabaseFailure)) throw failure;
          if (failure.kind === "refused" || !(await patience.isLeft()))
            throw storeError(`store.${who}`, target, failure, "nothing was changed");
        }
      }
    },
    async close() {
      closing.abort();
      await pool.end();
    },
  };
}

// --- internal ---

type Driver = typeof import("pg");

/** The driver has these; its types do not say so. */
type HeldClient = Client & { ref(): void; unref(): void };

const kInt8 = 20;
/** The server ends a slow statement first; the client only when it does not hear from the server. */
const kGraceMs = 2000;

async function loadDriver(): Promise<Driver> {
  try {
    return (await import("pg")).default as unknown as Driver;
  } catch (cause) {
    const message = "openStore: expected the driver of postgres: URLs, got no package pg; npm install pg";
    throw new LightningError("E_ARGUMENT", message, { cause });
  }
}

// The parser's errors may hold the URL and with it the password, so they are no cause.
function describe(create: () => Client): string {
  try {
    const { user, host, port, database } = create();
    return `${user}@${host}:${port}/${database}`;
  } catch {
    const message =
      "openStore: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, got a URL that cannot be parsed";
    throw new LightningError("E_ARGUMENT", `${message}; percent-encode special characters of the password`);
  }
}

async function readOnce(
  pool: Pool,
  statement: Statement,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  try {
    return (await pool.query({ ...statement, values: [...values] })).rows;
  } catch (error) {
    throw new DatabaseFailure(error);
  }
}

async function connect(client: HeldClient): Promise<Session> {
  const ends = new Set<() => void>();
  let isEnded = false;
  client.on("end", () => {
    isEnded = true;
    for (const onEnd of ends) onEnd();
  });
  // The queries that it breaks reject with it; between queries the end is what matters.
  client.on("error", () => undefined);
  const query = async (statement: Statement, values: readonly unknown[] = []) => {
    try {
      return await client.query({ ...statement, values: [...values] });
    } catch (error) {
      throw new DatabaseFailure(error);
    }
  };
  try {
    await client.connect();
  } catch (error) {
    throw new DatabaseFailure(error);
  }
  return {
    query: async (statement, values) => (await query(statement, values)).rows,
    async commit() {
      const { command } = await query({ text: "COMMIT" });
      if (command !== "COMMIT") throw new DatabaseFailure(new Error(`COMMIT was answered with ${command}`));
    },
    async listen(channel, onPayload, onEnd) {
      client.on("notification", ({ payload }) => onPayload(payload ?? ""));
      await query({ text: `LISTEN ${channel}` });
      ends.add(onEnd);
      if (isEnded) onEnd();
    },
    hold: (isHeld) => (isHeld ? client.ref() : client.unref()),
    drop() {
      client.end().catch(() => undefined);
    },
  };
}
