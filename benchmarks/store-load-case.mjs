// One measurement of store-load.mjs: --store memory|sqlite|postgres://... --seconds N. Server, clients, readers and the one who asks for /health
// are processes of their own. Prints one JSON line; --profile leaves the server's profile in the system's temporary folder.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ownCpuSeconds, startRole } from "./role-process.mjs";

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    seconds: { type: "string", default: "120" },
    clients: { type: "string", default: "1000" },
    readers: { type: "string", default: "8" },
    rows: { type: "string", default: "50000" },
    role: { type: "string", default: "measure" },
    url: { type: "string", default: "" },
    rollout: { type: "string", default: "" },
    profile: { type: "boolean", default: false },
  },
});
const [seconds, clients, readers, rows] = ["seconds", "clients", "readers", "rows"].map((name) =>
  Number(values[name]),
);
const roles = { measure, server: runServer, clients: runClients, readers: runReaders, health: runHealth };
await roles[values.role]();

// --- internal ---

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), "agl-store-load-"));
  const url =
    { memory: "memory:", sqlite: `sqlite:${join(folder, "bench.db")}` }[values.store] ?? values.store;
  const server = start("server", { url });
  try {
    const at = await server.line();
    const others = ["clients", "readers", "health"].map((role) => start(role, at));
    const [lives, lists, health] = await Promise.all(others.map(({ line }) => line()));
    server.child.stdin.end();
    const exit = new Promise((resolve) => server.child.once("exit", resolve));
    const served = await server.line();
    const parts = [lives, lists, health, served];
    // Of all processes, and of starting them.
    const cpuSeconds = parts.reduce((sum, part) => sum + part.cpuSeconds, ownCpuSeconds());
    console.log(JSON.stringify(Object.assign({}, ...parts, { cpuSeconds })));
    await exit;
  } finally {
    server.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This file in another role. */
function start(role, options) {
  const isProfiled = values.profile && role === "server";
  const profile = isProfiled ? ["--cpu-prof", `--cpu-prof-dir=${join(tmpdir(), "agl-load-profile")}`] : [];
  const flags = { clients, readers, rows, seconds, ...options };
  return startRole(fileURLToPath(import.meta.url), role, flags, profile);
}

async function runServer() {
  const { openStore } = await import("../dist/store/open-store.js");
  const { serve } = await import("../dist/server/store-api/serve.js");
  const store = await openStore(values.url);
  for (let i = 0; i < rows; i += 5000)
    await store.enqueue(
      Array.from({ length: 5000 }, (_, k) => ({
        input: { question: `what is ${i + k}?` },
        metadata: { part: k % 7 },
      })),
    );
  // They have ended, as most of a long list have.
  for (
    let claimed = await store.claim("filler", 500);
    claimed.length > 0;
    claimed = await store.claim("filler", 500)
  )
    await Promise.all(
      claimed.map(({ rolloutId, attempt }) =>
        store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" }),
      ),
    );
  const { rolloutId, attempt } = await store.startRollout({ input: 0 });
  for (let i = 0; i < rows; i += 1000)
    await store.addSpans(
      Array.from({ length: 1000 }, (_, k) => span(rolloutId, attempt.attemptId, i + k + 1)),
    );
  for (let i = 0; i < rows; i += 500)
    await Promise.all(Array.from({ length: 500 }, (_, k) => store.heartbeat(`old-${i + k}`, { running: k })));
  const before = await store.statistics();
  let errors = 0;
  const server = await serve({
    store,
    port: 0,
    onError: (error) => {
      errors++;
      console.error(error);
    },
  });
  globalThis.gc?.();
  const idleBytes = process.memoryUsage.rss();
  let mostBytes = idleBytes;
  const timer = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
  }, 50);
  console.log(JSON.stringify({ url: server.url, rollout: rolloutId }));
  for await (const _ of process.stdin);
  clearInterval(timer);
  const kept = await store.statistics();
  console.log(
    JSON.stringify({
      serverErrors: errors,
      kept: kept.rollouts - before.rollouts,
      idleBytes,
      mostBytes,
      cpuSeconds: ownCpuSeconds(),
    }),
  );
  await server.close();
  await store.close();
}

function span(rolloutId, attemptId, sequenceId) {
  return {
    rolloutId,
    attemptId,
    sequenceId,
    traceId: "0".repeat(32),
    spanId: sequenceId.toString(16).padStart(16, "0"),
    parentId: null,
    name: sequenceId % 2 === 0 ? "even" : "odd",
    status: { code: "OK", description: null },
    attributes: Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [
        `attribute.number_${i}`,
        i % 3 === 0 ? i : `value of attribute ${i}`,
      ]),
    ),
    events: [],
    startTime: sequenceId,
    endTime: sequenceId + 0.5,
  };
}

/** Runners that wait for work, of which there is some each moment. */
async function runClients() {
  const { openStore } = await import("../dist/store/open-store.js");
  const store = await openStore(values.url);
  const end = performance.now() + seconds * 1000;
  let lives = 0;
  let enqueued = 0;
  const errors = [];
  const live = async (worker) => {
    while (performance.now() < end) {
      const [claimed] = await store.claim(`w-${worker}`, 1, { timeoutMs: 2000 });
      if (claimed === undefined) continue;
      const { rolloutId, attempt } = claimed;
      await store.heartbeat(`w-${worker}`);
      await store.addSpans([span(rolloutId, attempt.attemptId, await store.nextSequenceId(rolloutId))]);
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
      lives++;
    }
  };
  const produce = async () => {
    while (performance.now() < end) {
      await store.enqueue([{ input: 1 }, { input: 2 }]);
      enqueued += 2;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const work = [produce(), ...Array.from({ length: clients }, (_, i) => live(i))];
  for (const { status, reason } of await Promise.allSettled(work))
    if (status === "rejected") errors.push(String(reason));
  if (errors.length > 0) console.error(errors.slice(0, 3));
  console.log(JSON.stringify({ lives, enqueued, clientErrors: errors.length, cpuSeconds: ownCpuSeconds() }));
  await store.close();
}

/** Lists again and again, read whole. */
async function runReaders() {
  const spans = `/v1/agl/spans?rollout_id=${values.rollout}`;
  const paths = [
    "/v1/agl/rollouts",
    "/v1/agl/rollouts?sort_by=start_time&sort_order=desc",
    spans,
    `${spans}&name_contains=e`,
    `${spans}&name=even&sort_by=start_time&sort_order=desc`,
    "/v1/agl/workers",
    "/v1/agl/workers?worker_id_contains=old",
    "/v1/agl/rollouts?status_in=succeeded",
  ];
  const end = performance.now() + seconds * 1000;
  const agent = new Agent({ keepAlive: true });
  let lists = 0;
  let bytes = 0;
  let slowestMs = 0;
  const errors = [];
  const read = async (reader) => {
    for (let i = 0; performance.now() < end; i++) {
      const begin = performance.now();
      const path = paths[(reader + i) % paths.length];
      try {
        const { size, tail } = await fetchAll(agent, values.url + path);
        const total = Number(/"total":(\d+)\}$/.exec(tail)?.[1]);
        if (!(total >= rows / 2)) throw new Error(`${path}: a list that ends in ${tail.slice(-60)}`);
        bytes += size;
        lists++;
      } catch (error) {
        errors.push(`${path}: ${error.message}`);
      }
      slowestMs = Math.max(slowestMs, performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: readers }, (_, i) => read(i)));
  if (errors.length > 0) console.error(errors.slice(0, 3));
  console.log(
    JSON.stringify({
      lists,
      listBytes: bytes,
      slowestListMs: Math.round(slowestMs),
      readerErrors: errors.length,
      cpuSeconds: ownCpuSeconds(),
    }),
  );
  agent.destroy();
}

function fetchAll(agent, url) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      let size = 0;
      let tail = "";
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
      answer.on("data", (piece) => {
        size += piece.length;
        tail = piece.toString("latin1").slice(-200);
      });
      answer.on("error", reject);
      answer.on("aborted", () => reject(new Error("cut off")));
      answer.on("end", () => resolve({ size, tail }));
    }).on("error", reject);
  });
}

async function runHealth() {
  const agent = new Agent({ keepAlive: true });
  const end = performance.now() + seconds * 1000;
  const times = [];
  let healthErrors = 0;
  while (performance.now() < end) {
    const begin = performance.now();
    await fetchAll(agent, `${values.url}/health`).catch(() => healthErrors++);
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.floor(share * (times.length - 1))] * 10) / 10;
  console.log(
    JSON.stringify({
      healthP50Ms: at(0.5),
      healthP99Ms: at(0.99),
      healthMostMs: at(1),
      healthCount: times.length,
      healthErrors,
      cpuSeconds: ownCpuSeconds(),
    }),
  );
  agent.destroy();
}
