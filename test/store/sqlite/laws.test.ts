import { describe, expect, it } from "vitest";
import { storeLaws } from "../../../src/store/laws.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import { drivers, hasNodeSqlite, temporaryFile } from "./temporary-file.js";

for (const driver of drivers)
  storeLaws(`SQLite with ${driver}`, (options) => openSqliteStore(temporaryFile(), { ...options, driver }), {
    describe,
    it,
    expect,
  });

if (!hasNodeSqlite)
  describe.skip("SQLite with node:sqlite: this Node has none (22.13 and newer do)", () => {
    it("keeps the laws", () => undefined);
  });
