// Runner processes on a store that this test serves, or in a file that they share: crashes, cancellations, drains.
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StoreServer, serve } from "../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openStore } from "../../src/store/open-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { type Agl, agl, type Folder, statusesOf, temporaryFolder, until } from "./agl.js";

// What agents of these tests do is in their task: { do: "return" | "wait" | "block" | "ignore" | "crash" | "send" | "spawn", ms, once }.
// Each start is a line of the file beside it; `once`: only the first start of a task does it, later ones return 1.
const agentText = `
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
const log = new URL("log.txt", import.meta.url);
const note = (line) => appendFileSync(log, line + "\\n");
export const agent = async (task, { signal, rolloutId }) => {
  const before = existsSync(log) ? readFileSync(log, "utf8").split("\\n").filter((line) => line === "start " + rolloutId).length : 0;
  note("start " + rolloutId);
  if (task.once && before > 0) return 1;
  if (task.do === "wait")
    await new Promise((resolve, reject) => {
      setTimeout(resolve, task.ms);
      signal.addEventListener("abort", () => { note("aborted " + rolloutId); reject(signal.reason); });
    });
  if (task.do === "ignore") await new Promise((resolve) => setTimeout(resolve, task.ms));
  if (task.do === "block") { const end = Date.now() + task.ms; while (Date.now() < end); }
  if (task.do === "crash") process.exit(7);
  if (task.do === "send")
    for (const message of [null, 5, "ready", {}, { kind: "end" }, { kind: "end", end: 1 }, { kind: "span" }, { kind: "?" }])
      process.send(message);
  if (task.do === "spawn") {
    const child = spawn("sleep", ["30"], { stdio: "ignore" });
    note("pid " + child.pid);
    await new Promise((resolve) => setTimeout(resolve, task.ms));
  }
  note("end " + rolloutId);
  return 1;
};
`;

let folder: Folder;
let server: StoreServer;
let store: LightningStore;
let agentPath: string;
let started: Agl[] = [];

beforeEach(async ({ onTestFailed }) => {
  const mine: Agl[] = [];
  started = mine;
  onTestFailed(() => console.log(mine.map(({ output }) => output.err).join("--\n")));
  folder = temporaryFolder();
  agentPath = folder.write("agent.mjs", agentText);
  store = createMemoryStore();
  server = await serve({ store, port: 0 });
});

afterEach(async () => {
  for (const { child } of started) child.kill("SIGKILL");
  await server.close();
  await store.close();
  folder[Symbol.dispose]();
});

function runner(...more: string[]): Agl {
  const quick = ["--heartbeat", "0.2", "--grace", "0.3"];
  const command = agl(["runner", "--store", server.url, "--agent", agentPath, ...quick, ...more]);
  started.push(command);
  return command;
}

const logOf = () => {
  try {
    return readFileSync(`${folder.path}/log.txt`, "utf8").trim().split("\n");
  } catch {
    return [];
  }
};
const startsOf = (id: string) => logOf().filter((line) => line === `start ${id}`).length;

async function enqueue(task: object, config = {}): Promise<string> {
  const [rollout] = await store.enqueue([{ input: task, config }]);
  return rollout!.rolloutId;
}

async function ended(id: string): Promise<string[]> {
  await store.waitForRollouts([id], { timeoutMs: 20_000 });
  return statusesOf(store, id);
}

describe("agl runner", () => {
  it("redacts spans and errors as its agent's module says, in one process or in many", async () => {
    const redact = `
      const scrub = (text) => text?.replaceAll("hunter2", "***") ?? null;
      export const redact = (span) => ({
        ...span,
        attributes: Object.fromEntries(Object.entries(span.attributes).map(([k, v]) => [k, typeof v === "string" ? scrub(v) : v])),
        status: { ...span.status, description: scrub(span.status.description) },
      });`;
    const index = new URL("../../dist/index.js", import.meta.url).href;
    agentPath = folder.write(
      "secret.mjs",
      `import { emitMessage } from "${index}"; ${redact}
      export const agent = () => { emitMessage("it is hunter2"); throw new Error("hunter2 was wrong"); };`,
    );
    for (const more of [[], ["--isolate"]]) {
      const id = await enqueue({});
      const command = runner(...more);
      expect(await ended(id)).toEqual(["failed", "failed"]);
      const attempt = await store.getLatestAttempt(id);
      expect(attempt?.metadata).toEqual({ outcome: "threw", error: "Error: *** was wrong" });
      const { items } = await store.querySpans(id);
      expect(JSON.stringify(items)).toContain("it is ***");
      await command.says(/failed, Error: \*\*\* was wrong/);
      expect(JSON.stringify([items, command.output])).not.toContain("hunter2");
      command.child.kill("SIGTERM");
      await command.done;
    }
  });

  it("refuses a module whose redact is no function", async () => {
    agentPath = folder.write("odd.mjs", "export const agent = () => 1; export const redact = 7;");
    const command = runner();
    expect([await command.done, command.output.err]).toEqual([2, expect.stringContaining("`redact`")]);
  });

  it("runs what is queued, in one process or in many, keeps the reward, drains at SIGTERM and ends with 0", async () => {
    for (const more of [[], ["--isolate"]]) {
      const id = await enqueue({ do: "return" });
      const command = runner(...more);
      expect(await ended(id)).toEqual(["succeeded", "succeeded"]);
      const { items } = await store.querySpans(id);
      expect(items.map(({ attributes }) => attributes["agentlightning.reward.0.value"])).toEqual([1]);
      const last = await enqueue({ do: "wait", ms: 300 });
      await until(() => startsOf(last) === 1);
      command.child.kill("SIGTERM");
      await command.says(/finishing/);
      const late = await enqueue({ do: "return" });
      expect(await command.done).toBe(0);
      expect(await statusesOf(store, last)).toEqual(["succeeded", "succeeded"]);
      expect(await statusesOf(store, late)).toEqual(["queuing"]);
      await store.cancel(late);
    }
  });

  it.each([[[]], [["--isolate"]]])(
    "killed in the middle of a rollout %s, leaves it to another, which ends it once",
    async (more) => {
      const config = { maxAttempts: 2, retryCondition: ["unresponsive"], unresponsiveSeconds: 1 };
      const id = await enqueue({ do: "wait", ms: 60_000, once: true }, config);
      const first = runner(...more);
      await until(() => startsOf(id) === 1);
      first.child.kill("SIGKILL");
      runner(...more);
      expect(await ended(id)).toEqual(["succeeded", "unresponsive", "succeeded"]);
      expect([startsOf(id), logOf().filter((line) => line === `end ${id}`).length]).toEqual([2, 0]);
    },
  );

  it("killed in the middle of a rollout without any limit, is missed by the others", async () => {
    const id = await enqueue(
      { do: "wait", ms: 60_000, once: true },
      { maxAttempts: 2, retryCondition: ["unresponsive"] },
    );
    const first = runner();
    await until(() => startsOf(id) === 1);
    runner("--lost-after", "1");
    await new Promise((resolve) => setTimeout(resolve, 500));
    first.child.kill("SIGKILL");
    expect(await ended(id)).toEqual(["succeeded", "unresponsive", "succeeded"]);
  });

  it("stopped for so long that another ran its rollout, ends it no second time", async () => {
    const config = { maxAttempts: 2, retryCondition: ["unresponsive"], unresponsiveSeconds: 1 };
    const id = await enqueue({ do: "wait", ms: 1500, once: true }, config);
    const first = runner();
    await until(() => startsOf(id) === 1);
    first.child.kill("SIGSTOP");
    runner();
    expect(await ended(id)).toEqual(["succeeded", "unresponsive", "succeeded"]);
    const endTime = (await store.getRollout(id)).endTime;
    first.child.kill("SIGCONT");
    await first.says(/another attempt|ended|failed|succeeded/);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([(await statusesOf(store, id))[0], (await store.getRollout(id)).endTime]).toEqual([
      "succeeded",
      endTime,
    ]);
  });

  it("fails a rollout whose isolated agent ends its process, and goes on", async () => {
    runner("--isolate");
    const ids = [await enqueue({ do: "crash" }), await enqueue({ do: "return" })];
    expect(await ended(ids[0]!)).toEqual(["failed", "failed"]);
    expect((await store.getLatestAttempt(ids[0]!))?.metadata.error).toContain("exit code 7");
    expect(await ended(ids[1]!)).toEqual(["succeeded", "succeeded"]);
  });

  it("passes over what an isolated agent says to its parent process", async () => {
    runner("--isolate");
    const id = await enqueue({ do: "send" });
    expect(await ended(id)).toEqual(["succeeded", "succeeded"]);
    expect((await store.querySpans(id)).total).toBe(1);
  });

  it.each([[[]], [["--isolate"]]])(
    "lets a rollout run whose time is longer than a timer's %s",
    async (more) => {
      const id = await enqueue({ do: "wait", ms: 100 }, { timeoutSeconds: 30 * 86_400 });
      runner(...more);
      expect(await ended(id)).toEqual(["succeeded", "succeeded"]);
      const late = runner("--grace", "1e9");
      expect([await late.done, late.output.err]).toEqual([
        2,
        expect.stringContaining("expected seconds from 0"),
      ]);
    },
  );

  it.each([[[]], [["--isolate"]]])("tells the agent of a cancelled rollout to stop %s", async (more) => {
    const id = await enqueue({ do: "wait", ms: 60_000 });
    const command = runner(...more);
    await until(() => startsOf(id) === 1);
    await store.cancel(id);
    await until(() => logOf().includes(`aborted ${id}`));
    await command.says(/failed, /);
    await until(async () => (await statusesOf(store, id))[1] === "failed");
    expect((await store.getRollout(id)).status).toBe("cancelled");
  });

  it.each(["ignore", "block", "spawn"])(
    "kills an isolated agent that goes on after a cancellation: %s",
    async (kind) => {
      const id = await enqueue({ do: kind, ms: 60_000 });
      runner("--isolate");
      await until(() => startsOf(id) === 1);
      const pid = kind === "spawn" ? Number((await pidLine()).split(" ")[1]) : undefined;
      await store.cancel(id);
      const next = await enqueue({ do: "return" });
      expect(await ended(next)).toEqual(["succeeded", "succeeded"]);
      if (pid !== undefined) await until(() => !isRunning(pid));
      expect((await store.getRollout(id)).status).toBe("cancelled");
    },
  );

  it("gives up the slot of an agent that goes on in its own process", async () => {
    const id = await enqueue({ do: "ignore", ms: 60_000 });
    const command = runner();
    await until(() => startsOf(id) === 1);
    await store.cancel(id);
    const next = await enqueue({ do: "return" });
    expect(await ended(next)).toEqual(["succeeded", "succeeded"]);
    expect(command.output.err).toContain("--isolate can stop it");
  });

  it.each([[[]], [["--isolate"]]])("ends a rollout at its deadline %s", async (more) => {
    const id = await enqueue(
      { do: more.length === 0 ? "ignore" : "block", ms: 60_000 },
      { timeoutSeconds: 1 },
    );
    runner(...more);
    expect(await ended(id)).toEqual(["failed", "timeout"]);
  });

  it("cancels what runs at the second signal, and ends with 1", async () => {
    const id = await enqueue({ do: "wait", ms: 60_000 });
    const command = runner();
    await until(() => startsOf(id) === 1);
    command.child.kill("SIGTERM");
    await command.says(/finishing/);
    command.child.kill("SIGTERM");
    expect(await command.done).toBe(1);
    expect(await statusesOf(store, id)).toEqual(["failed", "failed"]);
  });

  it("outlives its server: what it runs meanwhile is kept, and what comes later is run", async () => {
    const id = await enqueue({ do: "wait", ms: 1500 });
    const command = runner();
    await until(() => startsOf(id) === 1);
    await server.close();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    server = await serve({ store, port: server.port });
    expect(await ended(id)).toEqual(["succeeded", "succeeded"]);
    const next = await enqueue({ do: "return" });
    expect(await ended(next)).toEqual(["succeeded", "succeeded"]);
    expect(startsOf(id)).toBe(1);
    command.child.kill("SIGTERM");
    expect(await command.done).toBe(0);
  });

  it("killed in the middle of a rollout of a file, leaves it to another, which ends it once", async () => {
    const url = `sqlite:${folder.path}/store.db`;
    const file = await openStore(url);
    try {
      const config = { maxAttempts: 2, retryCondition: ["unresponsive"] as const, unresponsiveSeconds: 1 };
      const [rollout] = await file.enqueue([{ input: { do: "wait", ms: 60_000, once: true }, config }]);
      const id = rollout!.rolloutId;
      const start = () => {
        const command = agl(["runner", "--store", url, "--agent", agentPath]);
        started.push(command);
        return command;
      };
      const first = start();
      await until(() => startsOf(id) === 1);
      first.child.kill("SIGKILL");
      start();
      await file.waitForRollouts([id], { timeoutMs: 20_000 });
      expect(await statusesOf(file, id)).toEqual(["succeeded", "unresponsive", "succeeded"]);
    } finally {
      await file.close();
    }
  });

  it("hands a store that it opens itself the patience that it is told", async () => {
    const command = agl(["runner", "--store", "memory:", "--agent", agentPath, "--preparing-seconds", "0"]);
    started.push(command);
    expect(await command.done).toBe(2);
    expect(command.output.err).toContain("preparingSeconds");
  });

  it("shares a file with other runners: each of 60 rollouts is run once", async () => {
    const url = `sqlite:${folder.path}/store.db`;
    const file = await openStore(url);
    try {
      const ids = (
        await file.enqueue(Array.from({ length: 60 }, () => ({ input: { do: "wait", ms: 5 } })))
      ).map(({ rolloutId }) => rolloutId);
      for (let i = 0; i < 3; i++)
        started.push(agl(["runner", "--store", url, "--agent", agentPath, "--concurrency", "4"]));
      const done = await file.waitForRollouts(ids, { timeoutMs: 30_000 });
      expect(done.map(({ status }) => status)).toEqual(new Array(60).fill("succeeded"));
      expect(ids.map(startsOf)).toEqual(new Array(60).fill(1));
    } finally {
      await file.close();
    }
  });

  it.each<[string, string, string, RegExp]>([
    ["is not there", "missing.mjs", "", /cannot load/],
    ["exports none", "empty.mjs", "export const x = 1;", /exports x/],
    ["does not load", "broken.mjs", "throw new Error('no key');", /no key/],
  ])("says what is wrong with an agent that %s, and takes nothing", async (_, name, text, reason) => {
    const path = text === "" ? `${folder.path}/${name}` : folder.write(name, text);
    const id = await enqueue({ do: "return" });
    const command = agl(["runner", "--store", server.url, "--agent", path]);
    expect(await command.done).toBe(2);
    expect(command.output.err).toMatch(reason);
    expect(await statusesOf(store, id)).toEqual(["queuing"]);
  });

  it("runs TypeScript where this Node can, and names the remedy where it cannot", async () => {
    const path = folder.write(
      "agent.ts",
      "export default (task: unknown): number => (task === null ? 0 : 1);",
    );
    const id = await enqueue({});
    const command = agl(["runner", "--store", server.url, "--agent", path]);
    started.push(command);
    if ("typescript" in process.features && process.features.typescript) {
      expect(await ended(id)).toEqual(["succeeded", "succeeded"]);
    } else {
      expect(await command.done).toBe(2);
      expect(command.output.err).toContain("use Node 22.18 or newer");
    }
  });
});

async function pidLine(): Promise<string> {
  await until(() => logOf().some((line) => line.startsWith("pid ")));
  return logOf().find((line) => line.startsWith("pid "))!;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A killed process that nobody has waited for yet is still listed.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
