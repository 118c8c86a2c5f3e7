// One measurement of store-http.mjs: --store memory|sqlite --client single|numbered|batched. Server and client are processes of their own.
// Prints one JSON line.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ownCpuSeconds, startRole } from "./role-process.mjs";

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "memory" },
    client: { type: "string", default: "single" },
    rollouts: { type: "string", default: "3000" },
    concurrency: { type: "string", default: "32" },
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
else if (values.role === "client") await runClient(values.client, values.url);
else await measure();

// --- internal ---

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), "agl-store-http-"));
  const url = values.store === "memory" ? "memory:" : `sqlite:${join(folder, "bench.db")}`;
  const server = start("server", { url });
  try {
    const output = await start("client", { url: (await server.line()).url, client: values.client }).line();
    server.child.stdin.end();
    const { cpuSeconds, memoryBytes } = await server.line();
    // Of both processes, and of starting them.
    console.log(
      JSON.stringify({
        ...output,
        memoryBytes,
        cpuSeconds: output.cpuSeconds + cpuSeconds + ownCpuSeconds(),
      }),
    );
  } finally {
    server.child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This file in another role. */
function start(role, options) {
  return startRole(fileURLToPath(import.meta.url), role, { ...options, rollouts, concurrency });
}

async function runServer(storeUrl) {
  const { openStore } = await import("../dist/store/open-store.js");
  const { serve } = await import("../dist/server/store-api/serve.js");
  const store = await openStore(storeUrl);
  const server = await serve({ store, port: 0 });
  console.log(JSON.stringify({ url: server.url }));
  for await (const _ of process.stdin);
  const kept = await store.statistics();
  if (kept.spans < 4 * rollouts)
    throw new Error(`expected at least ${4 * rollouts} spans, got ${kept.spans}`);
  console.log(
    JSON.stringify({ cpuSeconds: ownCpuSeconds(), memoryBytes: process.resourceUsage().maxRSS * 1024 }),
  );
  await server.close();
  await store.close();
}

async function runClient(name, url) {
  const client = name === "batched" ? await packageClient(url) : plainClient(url, name === "numbered");
  await inParallel(Math.min(200, rollouts), client.live);
  const begin = performance.now();
  await inParallel(rollouts, client.live);
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    JSON.stringify({
      rolloutsPerSecond: Math.round(rollouts / seconds),
      requests: client.requests,
      cpuSeconds: ownCpuSeconds(),
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
