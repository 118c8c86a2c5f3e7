// The life cycle of a rollout over HTTP: enqueue, dequeue, 4 spans of 32 attributes, attempt succeeded. Server and client are processes
// of their own on this machine. Needs `npm run build`. Prints a line for each contender and store; appends nothing.
//   node benchmarks/store-http.mjs [--stores memory,sqlite] [--clients single,numbered,batched] [--rollouts 3000] [--concurrency 32]
//     [--rounds 3] [--patience 20]
// It waits at most --patience seconds for a quiet machine before each measurement; a row with "loaded": true counts for nothing.
// Contenders: `single` sends each span by itself as the Python client does, `numbered` also asks for each span's number, `batched` is
// this package's client.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { busySeconds, describeCommit, describeMachine, quietCores, waitForQuiet } from "./machine.mjs";

const { values } = parseArgs({
  options: {
    stores: { type: "string", default: "memory,sqlite" },
    clients: { type: "string", default: "single,numbered,batched" },
    rollouts: { type: "string", default: "3000" },
    concurrency: { type: "string", default: "32" },
    rounds: { type: "string", default: "3" },
    patience: { type: "string", default: "20" },
    role: { type: "string", default: "measure" },
    url: { type: "string", default: "" },
  },
});
const spanAttributes = Object.fromEntries(
  Array.from({ length: 32 }, (_, i) => [
    `attribute.number_${i}`,
    i % 3 === 0 ? i : `value of attribute ${i}`,
  ]),
);
const rollouts = Number(values.rollouts);
const concurrency = Number(values.concurrency);

if (values.role === "server") await runServer(values.url);
else if (values.role === "client") await runClient(values.clients, values.url);
else await measure();

// --- internal ---

async function measure() {
  console.log(
    JSON.stringify({ commit: describeCommit(), machine: describeMachine(), node: process.version }),
  );
  for (const store of values.stores.split(",")) {
    const results = new Map(values.clients.split(",").map((client) => [client, []]));
    // Contenders take turns; each round has a server and a store of its own.
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [client, outputs] of results) outputs.push(await measureOnce(store, client));
    for (const [client, outputs] of results) report(store, client, outputs);
  }
}

async function measureOnce(store, client) {
  const wasQuiet = await waitForQuiet(Number(values.patience));
  const busy = busySeconds();
  const begin = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "agl-store-http-"));
  const server = start("server", {
    url: store === "memory" ? "memory:" : `sqlite:${join(folder, "bench.db")}`,
  });
  try {
    const { url } = await server.line();
    const output = await start("client", { url, clients: client }).line();
    server.child.stdin.end();
    const { cpuSeconds, memoryBytes } = await server.line();
    // Starting two processes costs some that neither counts.
    const others = busySeconds() - busy - output.allCpuSeconds - cpuSeconds - 0.2;
    const loaded = !wasQuiet || others > (quietCores * (performance.now() - begin)) / 1000;
    return { ...output, serverCpuSeconds: cpuSeconds, memoryBytes, loaded };
  } finally {
    server.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(store, client, outputs) {
  const rates = outputs.map(({ rolloutsPerSecond }) => rolloutsPerSecond).sort((a, b) => a - b);
  const at = (share) => rates[Math.round(share * (rates.length - 1))];
  const middle = outputs.find(({ rolloutsPerSecond }) => rolloutsPerSecond === at(0.5));
  const row = {
    subject: "store-http",
    contender: client,
    shape: { store, rollouts, concurrency, spans: 4, attributes: 32, requests: middle.requests },
    value: at(0.5),
    p20: at(0.2),
    p80: at(0.8),
    samples: rates.length,
    unit: "rollouts/s",
    requestsPerSecond: middle.requestsPerSecond,
    clientCpuSeconds: middle.cpuSeconds,
    serverCpuSeconds: middle.serverCpuSeconds,
    memoryBytes: middle.memoryBytes,
    loaded: outputs.some(({ loaded }) => loaded),
  };
  console.log(JSON.stringify(row));
}

/** This file in another role; `line` resolves with its next line of JSON. */
function start(role, options) {
  const args = Object.entries({ ...options, role, rollouts, concurrency }).flatMap(([k, v]) => [
    `--${k}`,
    `${v}`,
  ]);
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = [];
  const waiting = [];
  let rest = "";
  const settle = () => {
    while (lines.length > 0 && waiting.length > 0) waiting.shift().resolve(JSON.parse(lines.shift()));
  };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop();
    lines.push(...parts);
    settle();
  });
  child.on("exit", (status) => {
    for (const { reject } of waiting) reject(new Error(`${role} ended with ${status}`));
  });
  const line = () =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      settle();
    });
  return { child, line };
}

async function runServer(storeUrl) {
  const { openStore } = await import("../dist/store/open-store.js");
  const { serve } = await import("../dist/server/store-api/serve.js");
  const store = await openStore(storeUrl);
  const server = await serve({ store, port: 0 });
  console.log(JSON.stringify({ url: server.url }));
  for await (const _ of process.stdin);
  const { user, system } = process.cpuUsage();
  const kept = await store.statistics();
  if (kept.spans < 4 * rollouts)
    throw new Error(`expected at least ${4 * rollouts} spans, got ${kept.spans}`);
  console.log(
    JSON.stringify({ cpuSeconds: (user + system) / 1e6, memoryBytes: process.resourceUsage().maxRSS * 1024 }),
  );
  await server.close();
  await store.close();
}

async function runClient(name, url) {
  const client = name === "batched" ? await packageClient(url) : plainClient(url, name === "numbered");
  await inParallel(Math.min(200, rollouts), client.live);
  const begin = performance.now();
  const cpu = process.cpuUsage();
  await inParallel(rollouts, client.live);
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({
      rolloutsPerSecond: Math.round(rollouts / seconds),
      requests: client.requests,
      requestsPerSecond: Math.round((rollouts * client.requests) / seconds),
      cpuSeconds: (user + system) / 1e6,
      allCpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    }),
  );
  await client.close();
}

async function inParallel(count, live) {
  let next = 0;
  const worker = async () => {
    while (next < count) await live(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** As the Python client: a request for each call, JSON made for each. */
function plainClient(url, isNumbered) {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(url);
  const post = (path, value) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(value);
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const outgoing = request({ agent, hostname, port, method: "POST", path: `/v1/agl${path}`, headers });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        const chunks = [];
        incoming.on("data", (chunk) => chunks.push(chunk));
        incoming.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (incoming.statusCode >= 300) reject(new Error(`${path}: ${incoming.statusCode} ${text}`));
          else resolve(JSON.parse(text));
        });
      });
      outgoing.end(body);
    });
  return {
    requests: isNumbered ? 11 : 7,
    async live(i) {
      await post("/queues/rollouts/enqueue", { rollouts: [{ input: { question: i }, mode: "train" }] });
      const [{ rollout_id, attempt }] = await post("/queues/rollouts/dequeue", {
        limit: 1,
        worker_id: `w-${i % 32}`,
      });
      const { attempt_id } = attempt;
      for (let n = 1; n <= 4; n++) {
        const sequence_id = isNumbered
          ? (await post("/spans/next", { rollout_id, attempt_id })).sequence_id
          : n;
        await post("/spans", wireSpan(rollout_id, attempt_id, sequence_id, i));
      }
      await post(`/rollouts/${rollout_id}/attempts/${attempt_id}`, { status: "succeeded" });
    },
    close: async () => agent.destroy(),
  };
}

function wireSpan(rollout_id, attempt_id, sequence_id, i) {
  return {
    rollout_id,
    attempt_id,
    sequence_id,
    trace_id: i.toString(16).padStart(32, "0"),
    span_id: sequence_id.toString(16).padStart(16, "0"),
    parent_id: null,
    name: "step",
    status: { status_code: "OK", description: null },
    attributes: spanAttributes,
    events: [],
    links: [],
    start_time: i,
    end_time: i + 0.5,
    context: null,
    parent: null,
    resource: { attributes: {}, schema_url: "" },
  };
}

async function packageClient(url) {
  const { openStore } = await import("../dist/store/open-store.js");
  const store = await openStore(url);
  return {
    requests: 4,
    async live(i) {
      await store.enqueue([{ input: { question: i }, mode: "train" }]);
      const [{ rolloutId, attempt }] = await store.claim(`w-${i % 32}`);
      const spans = [1, 2, 3, 4].map((sequenceId) => ({
        rolloutId,
        attemptId: attempt.attemptId,
        sequenceId,
        traceId: i.toString(16).padStart(32, "0"),
        spanId: sequenceId.toString(16).padStart(16, "0"),
        parentId: null,
        name: "step",
        status: { code: "OK", description: null },
        attributes: spanAttributes,
        events: [],
        startTime: i,
        endTime: i + 0.5,
      }));
      await store.addSpans(spans);
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    },
    close: () => store.close(),
  };
}
