// Several stores on one file, in this process and in others.
import { type ChildProcess, execFile, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { attemptMoves, rolloutMoves } from "../../../src/store/life-cycle.js";
import { openDriver } from "../../../src/store/sqlite/open-driver.js";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { drivers, temporaryFile } from "./temporary-file.js";

const run = promisify(execFile);
const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const isSlow = process.env.AGL_SLOW_TESTS !== undefined;

describe.each(drivers)("two SQLite stores on one file by %s", (driver) => {
  const openTwo = async () => {
    const path = temporaryFile();
    return [await openSqliteStore(path, { driver }), await openSqliteStore(path, { driver })] as const;
  };

  it("see each other's changes, also of what they have claimed", async () => {
    const [one, two] = await openTwo();
    const { rolloutId } = await one.startRollout({ input: 1 }, "w");
    await two.updateAttempt(rolloutId, "latest", { status: "running" });
    expect((await one.getRollout(rolloutId)).status).toBe("running");
    await one.updateAttempt(rolloutId, "latest", { status: "succeeded" });
    await expect(two.updateAttempt(rolloutId, "latest", { status: "failed" })).rejects.toMatchObject({
      code: "E_STATE",
    });
    expect((await two.getWorker("w")).status).toBe("idle");
    await Promise.all([one.close(), two.close()]);
  });

  it("hand each rollout to one claimer, in order of the queue", async () => {
    const [one, two] = await openTwo();
    const queued = [];
    for (let i = 0; i < 40; i++) queued.push(...(await (i % 2 === 0 ? one : two).enqueue([{ input: i }])));
    const claims = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? one : two).claim(`w${i}`));
    const claimed = (await Promise.all(claims)).flat().map(({ rolloutId }) => rolloutId);
    expect(claimed.toSorted()).toEqual(queued.map(({ rolloutId }) => rolloutId).toSorted());
    await Promise.all([one.close(), two.close()]);
  });

  it.each(["have nothing else to do", "are busy"])("wake each other's waits when they %s", async (how) => {
    const [one, two] = await openTwo();
    // Their own calls must not swallow the news.
    const calls = () => void Promise.all([one.heartbeat("h"), two.getLatestResources()]);
    const busy = how === "are busy" ? setInterval(calls, 3) : undefined;
    const start = performance.now();
    const claim = one.claim("w", 1, { timeoutMs: 10_000 });
    const [queued] = await two.enqueue([{ input: 1 }]);
    expect((await claim)[0]?.rolloutId).toBe(queued?.rolloutId);
    const ended = two.waitForRollouts([queued?.rolloutId ?? ""], { timeoutMs: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    await one.updateAttempt(queued?.rolloutId ?? "", "latest", { status: "succeeded" });
    expect((await ended).map(({ status }) => status)).toEqual(["succeeded"]);
    // A look at the clock once a second would also wake them, later.
    expect(performance.now() - start).toBeLessThan(800);
    clearInterval(busy);
    await Promise.all([one.close(), two.close()]);
  });

  it("end an attempt at its deadline when the store that began it is gone", async () => {
    const [one, two] = await openTwo();
    const { rolloutId } = await one.startRollout({ input: 1, config: { timeoutSeconds: 0.2 } });
    await one.close();
    const ended = await two.waitForRollouts([rolloutId], { timeoutMs: 10_000 });
    expect(ended.map(({ status }) => status)).toEqual(["failed"]);
    await two.close();
  });

  it("number a rollout's spans without a gap for two", async () => {
    const [one, two] = await openTwo();
    const { rolloutId } = await one.startRollout({ input: 1 });
    const taken = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : two).nextSequenceId(rolloutId)),
    );
    expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    await Promise.all([one.close(), two.close()]);
  });

  const rollouts = isSlow ? 20_000 : 2000;
  it(`let four processes finish ${rollouts} rollouts, each exactly once`, { timeout: 240_000 }, async () => {
    const path = temporaryFile();
    const store = await openSqliteStore(path, { driver });
    const queued = new Set<string>();
    for (let i = 0; i < rollouts; i += 500)
      for (const { rolloutId } of await store.enqueue(
        Array.from({ length: 500 }, (_, j) => ({ input: i + j })),
      ))
        queued.add(rolloutId);
    const workers = ["a", "b", "c", "d"].map((name) =>
      run(process.execPath, [program("claim-all.mjs"), path, driver, name], { maxBuffer: 2 ** 26 }),
    );
    const claimed = (await Promise.all(workers)).flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
    expect(claimed.length).toBe(rollouts);
    expect(new Set(claimed)).toEqual(queued);
    const { rollouts: kept, attempts, spans } = await store.statistics();
    expect([kept, attempts, spans]).toEqual([rollouts, rollouts, rollouts]);
    expect((await store.queryRollouts({ statusIn: ["succeeded"], limit: 1 })).total).toBe(rollouts);
    await store.close();
  });

  const kills = isSlow ? 50 : 5;
  it(`lose nothing that was acknowledged over ${kills} kills`, { timeout: 240_000 }, async () => {
    const path = temporaryFile();
    const witness = await openSqliteStore(path, { driver });
    const told: Told[] = [];
    for (let i = 0; i < kills; i++) {
      const fresh = await loadAndKill(path, driver, 120 + ((i * 37) % 180));
      await expectKept(witness, fresh);
      told.push(...fresh);
    }
    expect(told.length).toBeGreaterThan(kills * 10);
    await witness.close();
    // The last kill took the last process that had the file open.
    told.push(...(await loadAndKill(path, driver, 150)));
    const again = await openSqliteStore(path, { driver });
    await expectKept(again, told);
    for (const rollout of (await again.queryRollouts()).items) expectLegal(rollout);
    await again.close();
    const database = await openDriver(path, driver);
    expect(Object.values(database.prepare("PRAGMA integrity_check").get() ?? {})[0]).toBe("ok");
    database.close();
  });
});

/** What the killed process was told to be kept: 1 enqueued, 2 claimed, 3 spans kept, 4 succeeded. */
interface Told {
  readonly rolloutId: string;
  readonly step: number;
}

async function expectKept(store: LightningStore, told: readonly Told[]): Promise<void> {
  const ids = told.map(({ rolloutId }) => rolloutId);
  const { items } = await store.queryRollouts({ rolloutIdIn: ids });
  const steps = new Map(items.map(({ rolloutId, status }) => [rolloutId, reached(status)]));
  // A process may have done more than it could tell.
  expect(told.filter(({ rolloutId, step }) => (steps.get(rolloutId) ?? 0) < step)).toEqual([]);
  for (const { rolloutId, step } of told.slice(-200))
    expect((await store.querySpans(rolloutId)).total).toBeGreaterThanOrEqual(step >= 3 ? 4 : 0);
}

function reached(status: string): number {
  return { queuing: 1, preparing: 2, running: 3, succeeded: 4 }[status] ?? 0;
}

function expectLegal(rollout: object & { status: string; endTime: number | null; attempt?: unknown }): void {
  expect(Object.keys(rolloutMoves)).toContain(rollout.status);
  expect(rollout.endTime === null).toBe(rollout.status !== "succeeded");
  const attempt = rollout.attempt as { status: string; endTime: number | null } | undefined;
  if (rollout.status === "queuing") expect(attempt).toBe(undefined);
  else expect(attempt?.status).toBe(rollout.status);
  if (attempt !== undefined) expect(Object.keys(attemptMoves)).toContain(attempt.status);
}

async function loadAndKill(path: string, driver: string, afterMs: number): Promise<Told[]> {
  const child: ChildProcess = fork(program("endless-load.mjs"), [path, driver]);
  const told = new Map<string, Told>();
  child.on("message", (message) => {
    const one = message as Told;
    told.set(one.rolloutId, one);
  });
  const gone = new Promise((resolve) => child.once("close", resolve));
  await new Promise((resolve) => child.once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill("SIGKILL");
  await gone;
  return [...told.values()];
}
