// A served store falls ill under load and recovers: its disk fills, a page of its file is overwritten, its database is stopped and started.
// Readiness, log and metric say so within two seconds, nothing that was acknowledged is lost or doubled, and nobody starts it again.
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { openStore } from "../../../src/store/open-store.js";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { main, temporaryFolder, until } from "../../cli/agl.js";
import { describePostgres } from "../../support/postgres.js";

interface Served {
  readonly url: string;
  readonly pid: number;
  /** Records of its log so far. */
  records(): { level: string; message: string }[];
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** @param limit  of the size of its files, in KiB, until it is lifted */
async function served(store: string, limit?: number): Promise<Served> {
  const args = [
    main,
    "store",
    "--store",
    store,
    "--port",
    "0",
    "--store-timeout",
    "1",
    "--log-format",
    "json",
  ];
  const limited = ["-c", `ulimit -S -f ${limit}; exec "$0" "$@"`, process.execPath, ...args];
  const [program, given] = limit === undefined ? [process.execPath, args] : ["bash", limited];
  const child = spawn(program, given, { stdio: ["ignore", "ignore", "pipe"] });
  stops.push(() => child.kill("SIGKILL"));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const records = () =>
    said
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await until(() => {
    if (child.exitCode !== null) throw new Error(`agl store ended with ${child.exitCode}: ${said}`);
    return said.includes(" at http://");
  });
  return { url: /at (http:[^"]+)/.exec(said)?.[1] ?? "", pid: child.pid!, records };
}

/** Starts rollouts without end, some at a time, and keeps the inputs of those that were acknowledged. */
function load(url: string, size: number) {
  const acknowledged: string[] = [];
  const statuses = new Set<number>();
  const run = randomUUID();
  let count = 0;
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      const input = `${run}:${count++}:${"x".repeat(size)}`;
      const init = { method: "POST", body: JSON.stringify({ input }) };
      const answer = await fetch(`${url}/v1/agl/rollouts`, init);
      await answer.arrayBuffer();
      statuses.add(answer.status);
      if (answer.status === 201) acknowledged.push(input);
      else await pause(20);
    }
  };
  const working = Promise.all(Array.from({ length: 8 }, work));
  // Of a test that failed before.
  working.catch(() => undefined);
  const end = async () => {
    isOver = true;
    await working;
  };
  return { acknowledged, statuses, end };
}

const statusOf = async (url: string) => (await fetch(`${url}/ready`)).status;
const metricOf = async (url: string) =>
  /agl_store_ready (\d)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];

/** Three ways to know it, each within two seconds. */
async function saysSo({ url, records }: Served): Promise<void> {
  const start = performance.now();
  const known = await Promise.all([
    until(async () => (await statusOf(url)) === 503, 2000),
    until(async () => (await metricOf(url)) === "0", 2000),
    until(() => records().some(({ level }) => level === "error"), 2000),
  ]);
  expect([known.length, performance.now() - start < 2000]).toEqual([3, true]);
  expect((await fetch(`${url}/health`)).status).toBe(200);
}

async function isWellAgain({ url, records }: Served): Promise<void> {
  await until(async () => (await statusOf(url)) === 200);
  expect(await metricOf(url)).toBe("1");
  await until(() => records().some(({ message }) => message === "the store works again"));
  const errors = records().filter(({ level }) => level === "error");
  // Told once, however many calls failed.
  expect(errors.map(({ message }) => message)).toHaveLength(1);
}

/** Every one that was acknowledged is kept, once. */
async function keptOnce(url: string, acknowledged: readonly string[]): Promise<void> {
  await using client = await openStore(url);
  const inputs = (await client.queryRollouts()).items.map(({ input }) => input);
  const kept = new Set(inputs);
  expect(acknowledged.filter((input) => !kept.has(input)).length).toBe(0);
  expect(inputs.length - kept.size).toBe(0);
}

describe("a served SQLite store", () => {
  it.skipIf(!existsSync("/usr/bin/prlimit"))(
    "says that its disk is full, and goes on when there is room",
    async () => {
      using folder = temporaryFolder();
      const server = await served(`sqlite:${folder.path}/store.db`, 2000);
      const { acknowledged, statuses, end } = load(server.url, 20_000);
      await until(() => statuses.has(503));
      await saysSo(server);
      const before = acknowledged.length;
      execFileSync("prlimit", ["--pid", `${server.pid}`, "--fsize=unlimited"]);
      await isWellAgain(server);
      await until(() => acknowledged.length > before + 20);
      await end();
      expect([...statuses].toSorted()).toEqual([201, 503]);
      await keptOnce(server.url, acknowledged);
    },
    60_000,
  );

  it("says that a page of its file is damaged, and goes on when it is as it was", async () => {
    using folder = temporaryFolder();
    const path = `${folder.path}/store.db`;
    const before = await openStore(`sqlite:${path}`);
    await before.enqueue(Array.from({ length: 400 }, (_, i) => ({ input: `${-1 - i}:${"x".repeat(2000)}` })));
    await before.close();
    const driver = await openDriver(path);
    // All into the file, none in its log.
    driver.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    driver.close();
    const server = await served(`sqlite:${path}`);
    const { acknowledged, end } = load(server.url, 10);
    await until(() => acknowledged.length > 20);
    // In the midst of what nobody has read since it was opened.
    const place = Math.floor(statSync(path).size / 8192 / 2) * 8192;
    const whole = readFileSync(path).subarray(place, place + 8192);
    const overwrite = (bytes: Buffer) => {
      const file = openSync(path, "r+");
      writeSync(file, bytes, 0, bytes.length, place);
      closeSync(file);
    };
    overwrite(Buffer.alloc(8192, "damaged "));
    const list = async () => {
      try {
        const answer = await fetch(`${server.url}/v1/agl/rollouts`);
        return (await answer.json()) as { total: number };
      } catch {
        return null; // Cut off.
      }
    };
    expect((await list())?.total).toBeUndefined();
    await saysSo(server);
    overwrite(whole);
    await isWellAgain(server);
    const more = acknowledged.length;
    await until(() => acknowledged.length > more + 20);
    await end();
    expect((await list())?.total).toBeGreaterThanOrEqual(400 + acknowledged.length);
    await keptOnce(server.url, acknowledged);
  }, 60_000);
});

describePostgres("a served PostgreSQL store", (database) => {
  it.each(["fast", "immediate"] as const)(
    "says that its database is gone (%s), and goes on when it is back",
    async (how) => {
      const { url, ours } = await database();
      if (ours === undefined) return;
      const server = await served(url);
      const { acknowledged, statuses, end } = load(server.url, 10);
      await until(() => acknowledged.length > 20);
      await ours.stop(how);
      await saysSo(server);
      await until(() => statuses.has(503));
      const before = acknowledged.length;
      await ours.start();
      await isWellAgain(server);
      await until(() => acknowledged.length > before + 20);
      await end();
      expect([...statuses].toSorted()).toEqual([201, 503]);
      await keptOnce(server.url, acknowledged);
    },
    90_000,
  );
});
