// Opens the store in a SQLite file: driver, whose file it is, its tables.
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { argumentError, checkInteger, checkOneOf } from "../../base/check.js";
import { performance, setTimeout } from "../../base/clock.js";
import { checkId } from "../new-records.js";
import { type PreparingOptions, toPreparingSeconds } from "../preparing-limit.js";
import type { LightningStore } from "../store.js";
import { Backend } from "./backend.js";
import { Connection, type Durability } from "./connection.js";
import type { DriverName } from "./driver.js";
import { isBusy, toStoreError } from "./failure.js";
import { openDriver } from "./open-driver.js";
import { checkHeader, prepareSchema } from "./schema.js";
import { SqliteStore } from "./sqlite-store.js";

export interface SqliteStoreOptions extends PreparingOptions {
  /** What a write survives once its promise has resolved: this process's death, or the machine's. Default "process". */
  readonly durability?: Durability;
  /** Memory for pages of the file. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** Default: node:sqlite where this Node has it, else libsql. */
  readonly driver?: DriverName;
}

/**
 * Opens the store in a file, which is created with its folder when there is none.
 * @throws E_ARGUMENT when there is no driver; E_STORE when the file cannot be opened, is somebody else's or of a newer version
 */
export async function openSqliteStore(
  path: string,
  options: SqliteStoreOptions = {},
): Promise<LightningStore> {
  const { durability = "process", cacheBytes = kCacheBytes, driver } = options;
  checkId("openStore", "the path of the file", path);
  if (path === ":memory:" || path.includes("\0"))
    throw argumentError("openStore", "the path of a file", path, "a store in memory opens as memory:");
  checkOneOf("openStore", "durability", durability, ["process", "power"]);
  checkInteger("openStore", "cacheBytes", cacheBytes, { min: 0 });
  const preparingSeconds = toPreparingSeconds("openStore", options);
  const patience = performance.now() + kPatienceMs;
  for (;;) {
    try {
      const db = await open(resolve(path), { durability, cacheBytes, driver });
      return new SqliteStore(new Backend(db, path, preparingSeconds));
    } catch (error) {
      // Another process creates the file, or ends its last use of it.
      if (!isBusy(error) || performance.now() > patience) throw toStoreError("open", path, error);
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 10));
    }
  }
}

// --- internal ---

const kCacheBytes = 64 * 2 ** 20;
const kPatienceMs = 30_000;

async function open(
  path: string,
  options: { durability: Durability; cacheBytes: number; driver: DriverName | undefined },
): Promise<Connection> {
  checkHeader(path);
  mkdirSync(dirname(path), { recursive: true });
  const driver = await openDriver(path, options.driver);
  try {
    prepareSchema(driver, path);
    return new Connection(driver, options);
  } catch (error) {
    driver.close();
    throw error;
  }
}
