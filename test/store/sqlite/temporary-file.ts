// A folder for a test's files, removed after it; and the drivers that this Node has.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { DriverName } from "../../../src/store/sqlite/driver.js";

export const hasNodeSqlite = process.getBuiltinModule?.("node:sqlite") !== undefined;
export const drivers: readonly DriverName[] = hasNodeSqlite ? ["libsql", "node:sqlite"] : ["libsql"];

/** The path of a file that does not exist yet, in a folder of its own. */
export function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "agl-sqlite-"));
  folders.push(folder);
  return join(folder, "store.db");
}

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
