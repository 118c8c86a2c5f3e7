// Opens the store in a SQLite file: driver, whose file it is, its tables.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { argumentError, checkBoolean, checkInteger, checkOneOf } from "../../base/check.js";
import { performance, setTimeout } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { checkId } from "../new-records.js";
import { type PreparingOptions, toPreparingSeconds } from "../preparing-limit.js";
import type { LightningStore } from "../store.js";
import { Backend } from "./backend.js";
import { Connection, type ConnectionOptions, type Durability } from "./connection.js";
import { type DriverName, resultCodeOf } from "./driver.js";
import { isBusy, toStoreError } from "./failure.js";
import { openDriver } from "./open-driver.js";
import { checkHeader, checkSchema, prepareSchema } from "./schema.js";
import { SqliteStore } from "./sqlite-store.js";

export interface SqliteStoreOptions extends PreparingOptions {
  /** What a write survives once its promise has resolved: this process's death, or the machine's. Default "process". */
  readonly durability?: Durability;
  /** Memory for pages of the file. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** Nothing is written, not even beside the file, which may lie where this process cannot write. Default false. */
  readonly readOnly?: boolean;
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
  const { durability = "process", cacheBytes = kCacheBytes, driver, readOnly = false } = options;
  checkId("openStore", "the path of the file", path);
  if (path === ":memory:" || path.includes("\0"))
    throw argumentError("openStore", "the path of a file", path, "a store in memory opens as memory:");
  checkOneOf("openStore", "durability", durability, ["process", "power"]);
  checkBoolean("openStore", "readOnly", readOnly);
  checkInteger("openStore", "cacheBytes", cacheBytes, { min: 0 });
  const preparingSeconds = toPreparingSeconds("openStore", options);
  const patience = performance.now() + kPatienceMs;
  for (;;) {
    try {
      const how = { durability, cacheBytes, driver, readOnly };
      const db = await (readOnly ? openToRead(resolve(path), how) : open(resolve(path), how));
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

type Options = ConnectionOptions & { readonly driver: DriverName | undefined };

async function open(path: string, options: Options): Promise<Connection> {
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

async function openToRead(path: string, options: Options): Promise<Connection> {
  if (!existsSync(path))
    throw new LightningError("E_STORE", `openStore: expected ${path} to be there, to be read`);
  checkHeader(path);
  const openAt = async (place: string) => {
    const driver = await openDriver(place, options.driver, true);
    try {
      checkSchema(driver, path);
      return new Connection(driver, options);
    } catch (error) {
      driver.close();
      throw error;
    }
  };
  try {
    return await openAt(path);
  } catch (error) {
    // SQLite wants to write beside a file with a log of its own, unless it is told that nobody changes it; without a log nobody does.
    const isRefused = kRefusals.includes(resultCodeOf(error) ?? 0);
    if (!isRefused || existsSync(`${path}-wal`)) throw error;
    return openAt(`${pathToFileURL(path).href}?immutable=1`);
  }
}

/** Read-only, and a file that cannot be opened. */
const kRefusals: readonly number[] = [8, 14];
