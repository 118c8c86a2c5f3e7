// One measurement of a store in a process of its own: checks what it gives back, warms up, times. Prints one JSON line.
//   node benchmarks/store-case.mjs '{"kind":"life","store":"sqlite","durability":"process","spans":4,"attributes":32,"concurrency":64,"rollouts":30000}'
//   node benchmarks/store-case.mjs '{"kind":"query","spans":1000000,"spansPerAttempt":100,"attributes":32}'
import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "agentlightning";

const given = JSON.parse(process.argv[2]);
// Made once: what a caller spends on its spans is not the store's.
const attributes = Object.fromEntries(
  Array.from({ length: given.attributes }, (_, i) => [
    `attribute.number_${i}`,
    i % 3 === 0 ? i : `value of attribute ${i}`,
  ]),
);
const folder = mkdtempSync(join(tmpdir(), "agl-bench-store-"));
try {
  const url = given.store === "memory" ? "memory:" : `sqlite:${join(folder, "store.db")}`;
  const store = await openStore(url, { durability: given.durability });
  const result = given.kind === "life" ? await life(store) : await query(store);
  await store.close();
  const { user, system } = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  console.log(JSON.stringify({ ...result, cpuSeconds: (user + system) / 1e6, peakBytes: maxRSS * 1024 }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// --- internal ---

async function life(store) {
  await check(store);
  await inParallel(3000, (worker) => live(store, worker));
  const begin = performance.now();
  await inParallel(given.rollouts, (worker) => live(store, worker));
  const seconds = (performance.now() - begin) / 1000;
  const { spans } = await store.statistics();
  equal(spans, (1 + 3000 + given.rollouts) * given.spans);
  return { rolloutsPerSecond: given.rollouts / seconds };
}

async function query(store) {
  const { spansPerAttempt, spans } = given;
  const attempts = [];
  while (attempts.length * spansPerAttempt < spans) attempts.push(await store.startRollout({ input: 1 }));
  // Arrival as in life: many attempts at once, a few spans of each at a time.
  for (let first = 0; first < attempts.length; first += 50)
    for (let sequenceId = 1; sequenceId <= spansPerAttempt; sequenceId += 4)
      await Promise.all(
        attempts
          .slice(first, first + 50)
          .map((attempt) => store.addSpans([0, 1, 2, 3].map((i) => toSpan(attempt, sequenceId + i)))),
      );
  const milliseconds = [];
  for (let i = 0; i < 1000; i++) {
    // Spread over the store, never the same twice.
    const { rolloutId, attempt } = attempts[(i * 7919) % attempts.length];
    const begin = performance.now();
    const { items } = await store.querySpans(rolloutId, { attemptId: attempt.attemptId });
    milliseconds.push(performance.now() - begin);
    equal(items.length, spansPerAttempt);
  }
  return { milliseconds: milliseconds.slice(100) };
}

async function inParallel(count, body) {
  let left = count;
  const work = async (worker) => {
    while (left-- > 0) await body(worker);
  };
  await Promise.all(Array.from({ length: given.concurrency }, (_, i) => work(`worker-${i}`)));
}

async function live(store, workerId) {
  await store.enqueue([{ input: { question: "How many?" }, mode: "train" }]);
  const [claimed] = await store.claim(workerId);
  await store.addSpans(Array.from({ length: given.spans }, (_, i) => toSpan(claimed, i + 1)));
  await store.updateAttempt(claimed.rolloutId, claimed.attempt.attemptId, { status: "succeeded" });
  return claimed.rolloutId;
}

async function check(store) {
  const rolloutId = await live(store, "worker");
  const { status, attempt } = await store.getRollout(rolloutId);
  deepEqual([status, attempt.status], ["succeeded", "succeeded"]);
  const { items } = await store.querySpans(rolloutId);
  deepEqual(
    items,
    items.map(({ startTime }, i) => ({
      ...toSpan({ rolloutId, attempt }, i + 1),
      startTime,
      endTime: startTime,
    })),
  );
  equal(items.length, given.spans);
}

function toSpan({ rolloutId, attempt }, sequenceId) {
  const time = Date.now() / 1000;
  return {
    rolloutId,
    attemptId: attempt.attemptId,
    sequenceId,
    traceId: "0123456789abcdef0123456789abcdef",
    spanId: sequenceId.toString(16).padStart(16, "0"),
    parentId: null,
    name: "step",
    status: { code: "OK", description: null },
    attributes,
    events: [],
    startTime: time,
    endTime: time,
  };
}
