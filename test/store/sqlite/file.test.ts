// Whose file it is, and what a file that cannot be written does.
import { execFile } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import { drivers, hasNodeSqlite, temporaryFile } from "./temporary-file.js";

const run = promisify(execFile);
const program = fileURLToPath(new URL("full-disk.mjs", import.meta.url));
const claimAll = fileURLToPath(new URL("claim-all.mjs", import.meta.url));

describe.each(drivers)("a SQLite store by %s", (driver) => {
  const open = (path: string) => openSqliteStore(path, { driver });

  it("refuses a file of somebody else with E_STORE and leaves its bytes alone", async () => {
    const text = temporaryFile();
    writeFileSync(text, "not a database, ".repeat(1000));
    const foreign = temporaryFile();
    const database = await openDriver(foreign, driver);
    database.exec("PRAGMA application_id = 7; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    database.close();
    for (const path of [text, foreign]) {
      const before = readFileSync(path);
      await expect(open(path)).rejects.toMatchObject({
        code: "E_STORE",
        message: expect.stringContaining("expected"),
      });
      expect(readFileSync(path).equals(before)).toBe(true);
      expect(existsSync(`${path}-wal`)).toBe(false);
    }
  });

  it("refuses a foreign file that is in use, which it can only ask SQLite about", async () => {
    const path = temporaryFile();
    const database = await openDriver(path, driver);
    database.prepare("PRAGMA journal_mode = WAL").get();
    database.exec("CREATE TABLE theirs (x)");
    await expect(open(path)).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining("another application"),
    });
    expect(database.prepare("SELECT count(*) AS n FROM theirs").get()?.n).toBe(0);
    database.close();
  });

  it("refuses a file of a newer version and says so", async () => {
    const path = temporaryFile();
    await (await open(path)).close();
    const file = openSync(path, "r+");
    const version = Buffer.alloc(4);
    version.writeInt32BE(99);
    writeSync(file, version, 0, 4, 60);
    closeSync(file);
    const before = readFileSync(path);
    await expect(open(path)).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringMatching(/at most version 4, got 99; update/),
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("makes the folder that is missing; a path that is a folder, or below a file, is E_STORE", async () => {
    const path = temporaryFile();
    await (await open(join(dirname(path), "new", "deeper", "store.db"))).close();
    writeFileSync(path, "");
    for (const wrong of [join(path, "store.db"), dirname(path)])
      await expect(open(wrong)).rejects.toMatchObject({
        code: "E_STORE",
        message: expect.stringContaining(wrong),
      });
    await expect(open("")).rejects.toMatchObject({ code: "E_ARGUMENT" });
  });

  it("answers E_STORE for a file that it may only read", async () => {
    const path = temporaryFile();
    // Not in this process, where SQLite would use the descriptor again that it got as root.
    await run(process.execPath, [claimAll, path, driver, "w"]);
    const before = readFileSync(path);
    chmodSync(path, 0o444);
    chmodSync(dirname(path), 0o555);
    await asNobody(async () => {
      await expect(open(path)).rejects.toMatchObject({ code: "E_STORE" });
    });
    chmodSync(dirname(path), 0o755);
    chmodSync(path, 0o644);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each(["closed", "left by a killed process"])(
    "reads a file that was %s where it may write nothing, and changes nothing",
    async (how) => {
      const path = temporaryFile();
      const store = await open(path);
      const { rolloutId, attempt } = await store.startRollout({
        input: 1,
        config: { timeoutSeconds: 0.001 },
      });
      await store.updateAttempt(rolloutId, attempt.attemptId, { metadata: { a: 1 } });
      const log = ["-wal", "-shm"].map((end) => [`${path}${end}`, readFileSync(`${path}${end}`)] as const);
      await store.close();
      // As a process leaves them that cannot close.
      if (how !== "closed") for (const [name, bytes] of log) writeFileSync(name, bytes);
      const names = readdirSync(dirname(path));
      const before = readFileSync(path);
      for (const name of names) chmodSync(join(dirname(path), name), 0o444);
      chmodSync(dirname(path), 0o555);
      await asNobody(async () => {
        const reader = await openSqliteStore(path, { driver, readOnly: true });
        expect(await reader.getLatestAttempt(rolloutId)).toMatchObject({ metadata: { a: 1 } });
        expect((await reader.queryRollouts()).total).toBe(1);
        await expect(reader.enqueue([{ input: 2 }])).rejects.toMatchObject({ code: "E_STORE" });
        await reader.close();
      });
      chmodSync(dirname(path), 0o755);
      expect(readdirSync(dirname(path))).toEqual(names);
      expect(readFileSync(path).equals(before)).toBe(true);
    },
  );

  it("opens no file to read that is not there, and makes none", async () => {
    const path = temporaryFile();
    await expect(openSqliteStore(path, { driver, readOnly: true })).rejects.toMatchObject({
      code: "E_STORE",
    });
    expect(existsSync(path)).toBe(false);
  });

  it("answers E_STORE when the disk is full, keeps what it had acknowledged, and works when there is room", async () => {
    const path = temporaryFile();
    // A limit on the size of files is the disk's end for SQLite.
    const limited = `ulimit -f 4096; exec "$0" "$@"`;
    const { stdout } = await run("bash", ["-c", limited, process.execPath, program, path, driver]);
    const { acknowledged, codes, answers } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    expect(codes).toEqual(["E_STORE"]);
    // It still reads.
    expect(answers).toBe(acknowledged.length);
    expect(acknowledged.length).toBeGreaterThan(10);
    const store = await open(path);
    const { items } = await store.queryRollouts();
    const kept = new Set(items.map(({ rolloutId }) => rolloutId));
    expect(acknowledged.filter((id: string) => !kept.has(id))).toEqual([]);
    expect(kept.size).toBe(acknowledged.length);
    await store.enqueue([{ input: "there is room again" }]);
    await store.close();
    const database = await openDriver(path, driver);
    expect(Object.values(database.prepare("PRAGMA integrity_check").get() ?? {})[0]).toBe("ok");
    database.close();
  });

  it("keeps everything over a restart: records, queue, order, resources and workers", async () => {
    const path = temporaryFile();
    const before = await open(path);
    const [first, second] = await before.enqueue([
      { input: { text: "a\u0000\ud800\u{1f600}" }, metadata: { n: 1 } },
      { input: undefined, config: { maxAttempts: 3, retryCondition: ["timeout"] } },
    ]);
    const [claimed] = await before.claim("w\u0000\ud800");
    const update = await before.addResources({
      p: { resourceType: "prompt_template", template: "t", engine: "jinja" },
    });
    await before.heartbeat("w\u0000\ud800", { load: 0.1 });
    const worker = await before.getWorker("w\u0000\ud800");
    expect(await before.nextSequenceId(first?.rolloutId ?? "")).toBe(1);
    await before.close();
    const after = await open(path);
    expect(await after.getRollout(first?.rolloutId ?? "")).toEqual(claimed);
    expect((await after.claim("v")).map(({ rolloutId, config }) => ({ rolloutId, config }))).toEqual([
      { rolloutId: second?.rolloutId, config: second?.config },
    ]);
    expect(await after.getLatestResources()).toEqual(update);
    expect((await after.queryWorkers()).items.filter(({ workerId }) => workerId !== "v")).toEqual([worker]);
    expect(await after.nextSequenceId(first?.rolloutId ?? "")).toBe(2);
    await after.close();
  });

  it("ends an attempt whose deadline passed while nobody had the file open", async () => {
    const path = temporaryFile();
    const before = await open(path);
    const { rolloutId } = await before.startRollout({ input: 1, config: { timeoutSeconds: 0.05 } });
    await before.close();
    await new Promise((resolve) => setTimeout(resolve, 80));
    const after = await open(path);
    const ended = await after.waitForRollouts([rolloutId], { timeoutMs: 5000 });
    expect(ended.map(({ status }) => status)).toEqual(["failed"]);
    await after.close();
  });
});

it("names the remedy where there is no driver", async () => {
  if (drivers.includes("node:sqlite")) return;
  await expect(openSqliteStore(temporaryFile(), { driver: "node:sqlite" })).rejects.toMatchObject({
    code: "E_ARGUMENT",
    message: expect.stringContaining("use Node 22.13 or newer"),
  });
});

// Root may write everywhere.
async function asNobody(body: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return body();
  process.seteuid?.(65_534);
  try {
    await body();
  } finally {
    process.seteuid?.(0);
  }
}

it.skipIf(!hasNodeSqlite)("hides Node's warning that its SQLite is experimental, and no other", async () => {
  const script = `
    const { openStore } = await import(${JSON.stringify(new URL("../../../dist/store/open-store.js", import.meta.url).href)});
    const store = await openStore("sqlite:" + process.argv[1], { driver: "node:sqlite" });
    process.emitWarning("another experiment", "ExperimentalWarning");
    await store.close();`;
  const args = ["--input-type=module", "-e", script, temporaryFile()];
  const { stderr } = await run(process.execPath, args);
  expect(stderr).toContain("another experiment");
  expect(stderr).not.toContain("SQLite");
});
