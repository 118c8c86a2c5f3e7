// Processes of their own run the built package: npm test builds it first.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { pause } from "../../../src/store/laws/law.js";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import { describePostgres } from "../../support/postgres.js";

describePostgres("Processes that share a schema of PostgreSQL", (server, newSchema) => {
  it(`take ${kRollouts} rollouts off the queue without one twice or lost`, async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema });
    const queued = await store.enqueue(Array.from({ length: kRollouts }, (_, input) => ({ input })));
    const processes = Array.from({ length: 4 }, () => run("dequeue", url, schema));
    const codes = await Promise.all(processes.map(({ ended }) => ended));
    expect(codes).toEqual([0, 0, 0, 0]);
    const taken = processes.flatMap(({ lines }) => lines);
    expect(taken.length).toEqual(kRollouts);
    expect(new Set(taken)).toEqual(new Set(queued.map(({ rolloutId }) => rolloutId)));
    // More than one had a share in it.
    expect(processes.filter(({ lines }) => lines.length > 0).length).toBeGreaterThan(1);
    expect((await store.queryRollouts({ statusIn: ["succeeded"], limit: 1 })).total).toEqual(kRollouts);
    expect((await store.statistics()).attempts).toEqual(kRollouts);
  }, 170_000);

  it(`lose no acknowledged write and leave no illegal state in ${kKills} kills`, async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema });
    const survivor = run("write", url, schema);
    const killed = [];
    for (let i = 0; i < kKills; i++) {
      const writer = run("write", url, schema);
      await writer.heard;
      await pause(5 + ((i * 37) % 150));
      writer.child.kill("SIGKILL");
      // It was at work, and ended by the signal.
      expect([await writer.ended, writer.lines.length > 0]).toEqual([null, true]);
      killed.push(writer);
    }
    survivor.child.kill("SIGKILL");
    expect(await survivor.ended).toEqual(null);
    await check(
      store,
      [...killed, survivor].flatMap(({ lines }) => lines),
    );
    // What the dead held is free: everything left in the queue can be claimed.
    const { total } = await store.queryRollouts({ statusIn: ["queuing", "requeuing"], limit: 1 });
    expect((await store.claim("heir", 10_000)).length).toEqual(total);
  }, 170_000);

  it("wake each other's waits, and end by themselves with a store open", async () => {
    const { url } = await server();
    const schema = newSchema();
    await using store = await openPostgresStore(url, { schema, pollMs: 60_000 });
    const claim = store.claim("w", 1, { timeoutMs: 20_000 });
    const process = run("enqueue", url, schema);
    await process.heard;
    const start = performance.now();
    process.child.stdin!.write("now");
    expect((await claim).map(({ input }) => input)).toEqual(["from elsewhere"]);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(await process.ended).toEqual(0);
  });
});

// --- internal ---

const kRollouts = process.env.AGL_SLOW_TESTS ? 20_000 : 2000;
const kKills = process.env.AGL_SLOW_TESTS ? 50 : 5;

interface Run {
  readonly child: ChildProcess;
  /** Whole lines that it printed. */
  readonly lines: string[];
  /** Its first line is there. */
  readonly heard: Promise<unknown>;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
}

function run(role: string, url: string, schema: string): Run {
  const path = fileURLToPath(new URL("store-process.mjs", import.meta.url));
  const child = spawn(process.execPath, [path, role, url, schema], { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  let rest = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  const heard = Promise.race([once(child.stdout!, "data"), ended]);
  return { child, lines, heard, ended };
}

/** Every acknowledged write is there, and every rollout fits its attempts and spans. */
async function check(store: LightningStore, acknowledged: readonly string[]): Promise<void> {
  expect(acknowledged.length).toBeGreaterThan(20);
  const { items } = await store.queryRollouts();
  const rollouts = new Map(items.map((rollout) => [rollout.rolloutId, rollout]));
  const spans = new Map<string, number>();
  for (const { rolloutId } of items) spans.set(rolloutId, (await store.querySpans(rolloutId)).total);
  const missing = acknowledged.filter((line) => {
    const [what, rolloutId = "", place] = line.split(" ");
    const rollout = rollouts.get(rolloutId);
    if (what === "span") return (spans.get(rolloutId) ?? 0) < Number(place);
    if (what === "succeeded") return rollout?.status !== "succeeded";
    return rollout === undefined || (what === "claimed" && !("attempt" in rollout));
  });
  expect(missing).toEqual([]);
  const illegal = items.filter((rollout) => {
    const count = spans.get(rollout.rolloutId) ?? 0;
    if (!("attempt" in rollout)) return rollout.status !== "queuing" || count > 0;
    const { attempt, status, endTime } = rollout;
    if (attempt.sequenceId !== 1 || attempt.status !== status) return true;
    if ((status === "succeeded") !== (endTime !== null)) return true;
    return status === "preparing" ? count > 0 : status === "running" ? count === 0 : count !== 3;
  });
  expect(illegal).toEqual([]);
}
