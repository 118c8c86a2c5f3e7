// An open file: its pragmas, its statements, each prepared once, and its transactions.
import { LightningError } from "../../base/error.js";
import type { Driver, Row, SqlValue, Statement } from "./driver.js";

/** "process": what is kept survives the process's death; "power": the machine's too. */
export type Durability = "process" | "power";

export interface ConnectionOptions {
  readonly durability: Durability;
  readonly cacheBytes: number;
  readonly readOnly?: boolean;
}

export class Connection {
  readonly #driver: Driver;
  readonly #statements = new Map<string, Statement>();

  readonly isReadOnly: boolean;

  /** @throws the driver's error */
  constructor(driver: Driver, { durability, cacheBytes, readOnly = false }: ConnectionOptions) {
    this.#driver = driver;
    this.isReadOnly = readOnly;
    driver.exec(`PRAGMA cache_size = ${-Math.ceil(cacheBytes / 1024)}`);
    // A writer that finds another at work comes back by a timer; this process does not sleep over it.
    driver.exec(`PRAGMA busy_timeout = ${kBusyMs}`);
    if (readOnly) return;
    const mode = driver.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode;
    if (mode !== "wal")
      throw new LightningError(
        "E_STORE",
        `openStore: expected a file system with shared memory and locks, which a write-ahead log needs, got journal mode ${mode}; use a local disk`,
      );
    driver.exec(`PRAGMA synchronous = ${durability === "power" ? "FULL" : "NORMAL"}`);
    // Where fsync does not reach the disk (macOS).
    driver.exec(`PRAGMA fullfsync = ${durability === "power" ? "ON" : "OFF"}`);
    driver.exec(`PRAGMA wal_autocheckpoint = ${kCheckpointPages}`);
    // Fails now where the file is read-only.
    driver.exec("BEGIN IMMEDIATE");
    driver.exec("COMMIT");
  }

  run(sql: string, ...parameters: readonly SqlValue[]): void {
    this.#prepared(sql).run(...parameters);
  }

  /** @returns how many rows changed */
  change(sql: string, ...parameters: readonly SqlValue[]): number {
    return this.#prepared(sql).change(...parameters);
  }

  get(sql: string, ...parameters: readonly SqlValue[]): Row | undefined {
    return this.#prepared(sql).get(...parameters);
  }

  all(sql: string, ...parameters: readonly SqlValue[]): readonly Row[] {
    return this.#prepared(sql).all(...parameters);
  }

  /** The first column of the first row. */
  value(sql: string, ...parameters: readonly SqlValue[]): SqlValue {
    return Object.values(this.get(sql, ...parameters) ?? {})[0] ?? null;
  }

  /** Changes when another connection has committed since; the same within a transaction. */
  dataVersion(): number {
    return this.get("PRAGMA data_version")?.data_version as number;
  }

  begin(kind: "read" | "write"): void {
    this.#driver.exec(kind === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
  }

  commit(): void {
    this.#driver.exec("COMMIT");
  }

  /** After an error; SQLite may have rolled back by itself. */
  rollback(): void {
    try {
      this.#driver.exec("ROLLBACK");
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("no transaction is active"))) throw error;
    }
  }

  /** After damage: the file's pages are read anew, in case somebody repairs it. */
  forgetPages(): void {
    this.#driver.exec("PRAGMA shrink_memory");
  }

  close(): void {
    this.#statements.clear();
    this.#driver.close();
  }

  #prepared(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#driver.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

// --- internal ---

const kCheckpointPages = 4000;
const kBusyMs = 5;
