import { describe, expect, it } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { GroupCommit } from "../../../src/store/sqlite/group-commit.js";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { Tables } from "../../../src/store/sqlite/tables.js";
import { drivers, temporaryFile } from "./temporary-file.js";

describe.each(drivers)("calls that share a transaction by %s", (driver) => {
  it("are kept, all but the one that SQLite refuses", async () => {
    const path = temporaryFile();
    const store = await openSqliteStore(path, { driver });
    const { rolloutId } = await store.startRollout({ input: 0 });
    // No number, which a caller without types can bring about: the column refuses it when the transaction is written.
    const wrong = { endTime: "soon" } as object;
    const calls = await Promise.allSettled([
      store.enqueue([{ input: 1 }]),
      store.updateAttempt(rolloutId, "latest", wrong),
      store.enqueue([{ input: 2 }]),
      store.updateRollout("ro-none", { status: "running" }),
      store.enqueue([{ input: 3 }]),
    ]);
    expect(calls.map((call) => (call.status === "rejected" ? call.reason.code : "kept"))).toEqual([
      "kept",
      "E_STORE",
      "kept",
      "E_NOT_FOUND",
      "kept",
    ]);
    await store.close();
    const again = await openSqliteStore(path, { driver });
    expect((await again.queryRollouts()).items.map(({ input }) => input)).toEqual([0, 1, 2, 3]);
    expect((await again.getLatestAttempt(rolloutId))?.status).toBe("preparing");
    await again.close();
  });

  it("resolve when another process can see what they wrote", async () => {
    const path = temporaryFile();
    const store = await openSqliteStore(path, { driver });
    const other = await openDriver(path, driver);
    const count = other.prepare("SELECT count(*) AS n FROM rollouts");
    const seen = await Promise.all(
      Array.from({ length: 250 }, async (_, i) => {
        const [rollout] = await store.enqueue([{ input: i }]);
        const found = other.prepare("SELECT count(*) AS n FROM rollouts WHERE id = ?");
        return found.get(rollout?.rolloutId ?? "")?.n;
      }),
    );
    expect(seen).toEqual(seen.map(() => 1));
    expect(count.get()?.n).toBe(250);
    other.close();
    await store.close();
  });

  it("wait for a file that another process writes to, and leave this one to run meanwhile", async () => {
    const path = temporaryFile();
    const store = await openSqliteStore(path, { driver });
    const other = await openDriver(path, driver);
    other.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const clock = setInterval(() => ticks++, 5);
    let isKept = false;
    const call = store.enqueue([{ input: 1 }]).then(() => {
      isKept = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isKept).toBe(false);
    expect(ticks).toBeGreaterThan(5);
    other.exec("COMMIT");
    await call;
    clearInterval(clock);
    expect((await store.statistics()).rollouts).toBe(1);
    other.close();
    await store.close();
  });

  it("are kept before close resolves", async () => {
    const path = temporaryFile();
    const store = await openSqliteStore(path, { driver });
    const calls = Array.from({ length: 300 }, (_, i) => store.enqueue([{ input: i }]));
    await store.close();
    expect((await Promise.all(calls)).flat().length).toBe(300);
    const again = await openSqliteStore(path, { driver });
    expect((await again.statistics()).rollouts).toBe(300);
    await again.close();
  });
});

describe("a group of calls", () => {
  it("is one transaction for what is called at once, a hundred at most, with long queries apart", async () => {
    const { calls, log } = createCalls();
    await Promise.all(Array.from({ length: 250 }, (_, i) => calls.run("w", "write", () => i)));
    expect(log.splice(0)).toEqual(["write", "commit", "write", "commit", "write", "commit"]);
    const kinds = ["look", "write", "look", "query", "look", "query", "write"] as const;
    await Promise.all(kinds.map((kind) => calls.run("w", kind, () => kind)));
    expect(log).toEqual(["write", "commit", "read", "commit", "write", "commit"]);
  });

  it("runs again, each call for itself, when one of them fails with half of its work done", async () => {
    const { calls, log, tables } = createCalls();
    const runs: string[] = [];
    const outcomes = await Promise.allSettled([
      calls.run("a", "write", () => runs.push("a")),
      calls.run("b", "write", () => {
        runs.push("b");
        tables.writes++;
        throw new LightningError("E_STATE", "too late");
      }),
      calls.run("c", "write", () => runs.push("c")),
    ]);
    expect(runs).toEqual(["a", "b", "a", "b", "c"]);
    expect(log).toEqual(["write", "rollback", "write", "commit", "write", "rollback", "write", "commit"]);
    expect(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "done"))).toEqual(
      ["done", "E_INTERNAL", "done"],
    );
  });
});

/** Over tables that only note what is asked of them. */
function createCalls() {
  const log: string[] = [];
  const tables = {
    writes: 0,
    begin: (kind: string) => log.push(kind),
    commit: () => {
      log.push("commit");
      return { ended: [], queued: 0, deadline: Number.POSITIVE_INFINITY, foreign: false };
    },
    rollback: () => log.push("rollback"),
  };
  return { calls: new GroupCommit(tables as unknown as Tables, "file", () => undefined), log, tables };
}
