// Which binding to SQLite there is: node:sqlite, else libsql.
import { LightningError } from "../../base/error.js";
import type { Driver, DriverName } from "./driver.js";
import { openLibsql } from "./libsql-driver.js";
import { openNodeSqlite } from "./node-driver.js";

/**
 * Opens the file; a missing one is created with the first write.
 * @param name  absent: node:sqlite where this Node has it, else libsql
 * @throws E_ARGUMENT when there is no such driver; the driver's error when the file cannot be opened
 */
export async function openDriver(path: string, name?: DriverName, readOnly = false): Promise<Driver> {
  if (name !== "libsql") {
    const driver = openNodeSqlite(path, readOnly);
    if (driver !== null) return driver;
  }
  if (name === "node:sqlite") throw noDriver(name, "use Node 22.13 or newer");
  const driver = await openLibsql(path, readOnly);
  if ("missing" in driver)
    throw noDriver("libsql", "npm install libsql, or use Node 22.13 or newer", driver.missing);
  return driver;
}

// --- internal ---

function noDriver(name: DriverName, remedy: string, cause?: unknown): LightningError {
  return new LightningError(
    "E_ARGUMENT",
    `openStore: expected the SQLite driver ${name}, which is not there in Node ${process.versions.node}; ${remedy}`,
    { cause },
  );
}
