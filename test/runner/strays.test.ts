// Strays: errors that nobody waits for. Those of a rollout fail it, and nothing else; all others take Node's way.
import { execFile } from "node:child_process";
import { EventEmitter } from "node:events";
import { readFile } from "node:fs";
import { readFile as readFilePromise } from "node:fs/promises";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createInProcessRun } from "../../src/runner/run-in-process.js";
import { type RunReport, runRollout } from "../../src/runner/run-rollout.js";
import { runRunner } from "../../src/runner/runner.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { watchStrays } from "../../src/tracing/strays.js";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const fail = (): never => {
  throw new Error("a stray");
};
const refuse = () => void Promise.reject(new Error("a stray"));

function run(agent: (signal: AbortSignal) => unknown, timeoutMs: number | null = 2000): Promise<RunReport> {
  return runRollout({
    agent: ((_: never, { signal }: { signal: AbortSignal }) => agent(signal)) as never,
    ...{ input: null, rolloutId: "ro-1", attemptId: "at-1", mode: "train", resources: {}, timeoutMs },
    handle: async () => new Response(),
    route: () => "ignore",
  });
}

const isOldNode = Number(process.versions.node.split(".")[0]) < 24;
const strays: readonly (readonly [string, () => unknown, string])[] = [
  ["a rejection", refuse, "a stray"],
  ["an async function that nobody awaits", () => void (async () => fail())(), "a stray"],
  ["one of several in a Promise.all", () => void Promise.all([pause(1), pause(2).then(fail)]), "a stray"],
  ["a promise of the file system", () => void readFilePromise("/no/such/file"), "no such file"],
  ["a rejection with undefined", () => void Promise.reject(undefined), ""],
  ["a timer", () => setTimeout(fail, 1), "a stray"],
  ["an immediate", () => setImmediate(fail), "a stray"],
  ["a tick", () => process.nextTick(fail), "a stray"],
  [
    "an emitter without a listener",
    () => setTimeout(() => new EventEmitter().emit("error", new Error("a stray"))),
    "a stray",
  ],
  ["a callback of the file system", () => readFile("/no/such/file", fail), "a stray"],
  ["a socket", () => connect(1, "127.0.0.1"), "ECONNREFUSED"],
  [
    "a stream",
    () =>
      Readable.from(
        (async function* () {
          yield 1;
          fail();
        })(),
      ).resume(),
    "a stray",
  ],
];

describe("a stray of a rollout", () => {
  it.each(strays)("fails its rollout, by %s, and no other", async (_, leave, said) => {
    const [bad, good] = await Promise.all([
      run(async (signal) => {
        leave();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return 1;
      }),
      run(async () => {
        await pause(50);
        return 1;
      }),
    ]);
    expect(["threw", "provider-error"]).toContain(bad.ended);
    expect(String(bad.error)).toContain(said);
    expect(good).toMatchObject({ ended: "returned", result: 1 });
  });

  it.skipIf(isOldNode)("fails it by a microtask (Node 20 and 22 lose its context)", async () => {
    const report = await run(async () => {
      queueMicrotask(fail);
      await pause(50);
    });
    expect(report).toMatchObject({ ended: "threw", error: { message: "a stray" } });
  });

  it("fails it also when the agent returned at once", async () => {
    const report = await run(async () => {
      refuse();
      return 1;
    });
    expect(report).toMatchObject({ ended: "threw", result: undefined, error: { message: "a stray" } });
  });

  it("is a provider's when the provider failed", async () => {
    const error = Object.assign(new Error("overloaded"), { status: 529 });
    const report = await run(async () => {
      void Promise.reject(error);
      await pause(30);
    });
    expect(report).toMatchObject({ ended: "provider-error", error });
  });

  it("is the rollout's when a listener of its signal throws", async () => {
    const report = await run(async (signal) => {
      signal.addEventListener("abort", fail);
      await pause(60);
    }, 20);
    expect(report.ended).toBe("timeout");
    await pause(60);
  });

  it("that comes after the end is told once, unless it is the echo of the abort", async () => {
    const warnings: (Error & { code?: string })[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    const release = watchStrays();
    await run(async () => void pause(20).then(refuse).then(refuse));
    await run(async (signal) => {
      signal.addEventListener("abort", () => void Promise.reject(signal.reason));
      signal.addEventListener(
        "abort",
        () => void Promise.reject(new Error("gave up", { cause: signal.reason })),
      );
      await pause(100);
    }, 20);
    await pause(60);
    release();
    process.off("warning", onWarning);
    expect(warnings.map(({ code, message }) => [code, message])).toEqual([
      ["AGL_STRAY", expect.stringMatching(/^rollout ro-1: .* after its end: Error: a stray/)],
    ]);
  });

  it("leaves a runner and its other rollouts alone", async () => {
    const store = createMemoryStore();
    const rollouts = await store.enqueue(Array.from({ length: 12 }, (_, input) => ({ input })));
    const drain = new AbortController();
    const agent = async (task: number) => {
      if (task % 3 === 0) refuse();
      if (task % 3 === 1) setTimeout(fail, 2);
      await pause(20);
      return 1;
    };
    const running = runRunner({
      ...{ store, workerId: "w", concurrency: 5, drain: drain.signal },
      run: createInProcessRun(agent as never, { graceMs: 50 }),
    });
    const ids = rollouts.map(({ rolloutId }) => rolloutId);
    await store.waitForRollouts(ids, { timeoutMs: 5000 });
    drain.abort();
    expect(await running).toEqual({ succeeded: 4, failed: 8 });
    const attempts = await Promise.all(ids.map((id) => store.getLatestAttempt(id)));
    expect(attempts.map((attempt) => attempt?.metadata.error ?? null)).toEqual(
      Array.from({ length: 12 }, (_, i) => (i % 3 === 2 ? null : "Error: a stray")),
    );
  });
});

describe("process.emit", () => {
  it("is wrapped while somebody watches, and then as it was, whatever the order, for two copies of the package", async () => {
    const copy = (await import(
      "../../dist/tracing/strays.js" as string
    )) as typeof import("../../src/tracing/strays.js");
    const before = Object.getOwnPropertyDescriptor(process, "emit");
    const original = process.emit;
    const releases = [watchStrays(), copy.watchStrays(), watchStrays(), copy.watchStrays()];
    for (const i of [0, 2, 2, 3]) releases[i]?.();
    expect(process.emit).not.toBe(original);
    expect(await run(async () => void refuse())).toMatchObject({ ended: "threw" });
    expect(process.emit).not.toBe(original);
    releases[1]?.();
    expect(process.emit).toBe(original);
    expect(Object.getOwnPropertyDescriptor(process, "emit")).toEqual(before);
  });

  it("that somebody else wraps meanwhile is left to them", () => {
    const original = process.emit;
    const release = watchStrays();
    const ours = process.emit;
    const theirs = ((...args: unknown[]) => Reflect.apply(ours, process, args)) as typeof process.emit;
    process.emit = theirs;
    release();
    expect(process.emit).toBe(theirs);
    process.emit = original;
  });
});

describe("a stray of no rollout", () => {
  const script = fileURLToPath(new URL("stray-process.mjs", import.meta.url));
  // The process id, the one place of ours in the stack of what a listener throws, and Node's own places, which depend on who uses its hooks.
  const withoutPlaces = (text: string) =>
    text
      .replaceAll(/\(node:\d+\)/g, "(node)")
      .replaceAll(/\n +at .*(\btracing\/strays\.js:|\(?node:(internal|async_hooks)).*/g, "");
  const end = (args: readonly string[]) =>
    new Promise<object>((resolve) => {
      execFile(process.execPath, [script, ...args], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr: withoutPlaces(stderr) }),
      );
    });
  it.each(
    ["rejection", "value", "timer", "microtask", "sync"].flatMap((kind) =>
      ["none", "both", "throwing", "exiting"].map((listeners) => [kind, listeners] as const),
    ),
  )("ends the process as Node would: %s, listeners %s", async (kind, listeners) => {
    const [plain, watched] = await Promise.all([
      end([kind, listeners, "plain"]),
      end([kind, listeners, "watched"]),
    ]);
    expect(watched).toEqual(plain);
  });
});
