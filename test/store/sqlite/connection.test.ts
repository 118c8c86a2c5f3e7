import { describe, expect, it } from "vitest";
import { Connection } from "../../../src/store/sqlite/connection.js";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { drivers, temporaryFile } from "./temporary-file.js";

describe.each(drivers)("a connection by %s", (driver) => {
  it("syncs every commit to the disk for durability against power loss, and only checkpoints otherwise", async () => {
    for (const [durability, synchronous] of [
      ["power", 2],
      ["process", 1],
    ] as const) {
      const db = new Connection(await openDriver(temporaryFile(), driver), {
        durability,
        cacheBytes: 2 ** 20,
      });
      expect(db.value("PRAGMA synchronous")).toBe(synchronous);
      expect(db.value("PRAGMA journal_mode")).toBe("wal");
      // In KiB.
      expect(db.value("PRAGMA cache_size")).toBe(-1024);
      db.close();
    }
  });

  it("hears of another's commits within its transactions, and not of its own", async () => {
    const path = temporaryFile();
    const open = async () =>
      new Connection(await openDriver(path, driver), { durability: "process", cacheBytes: 2 ** 20 });
    const [one, two] = [await open(), await open()];
    one.run("CREATE TABLE t (x)");
    const before = [one.dataVersion(), two.dataVersion()];
    for (let i = 0; i < 3; i++) {
      one.begin("write");
      one.run("INSERT INTO t VALUES (?)", i);
      one.commit();
    }
    two.begin("read");
    expect([one.dataVersion(), two.dataVersion()]).toEqual([before[0], (before[1] ?? 0) + 1]);
    two.commit();
    one.begin("write");
    one.run("INSERT INTO t VALUES (4)");
    one.rollback();
    one.rollback();
    expect(two.value("SELECT count(*) FROM t")).toBe(3);
    one.close();
    two.close();
  });
});
