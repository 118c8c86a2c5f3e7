// How many rollouts per second a PostgreSQL store takes through their life, from the built package:
//   node test/store/postgres/measure-life-cycle.mjs POSTGRES_URL [ROLLOUTS] [CONCURRENT]
// A life is enqueue, claim, 4 spans of 32 attributes, succeeded. Each repetition uses a schema of its own and drops it.
import pg from "pg";
import { openPostgresStore } from "../../../dist/store/postgres/open-postgres-store.js";

const [url, rollouts = "4000", concurrent = "16"] = process.argv.slice(2);
const attributes = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`attribute.${i}`, `value ${i}`]));
const rates = [];
for (let repetition = 0; repetition < 5; repetition++)
  rates.push(await measure(`measure_${process.pid}_${repetition}`));
rates.sort((a, b) => a - b);
console.log(
  `${concurrent} concurrent, ${rollouts} rollouts: median ${rates[2]}/s, from ${rates[0]} to ${rates[4]}`,
);

async function measure(schema) {
  const store = await openPostgresStore(url, { schema });
  await Promise.all(Array.from({ length: 64 }, (_, i) => live(store, `warm-${i % 16}`)));
  const start = performance.now();
  let left = Number(rollouts);
  const worker = async (name) => {
    while (left-- > 0) await live(store, name);
  };
  await Promise.all(Array.from({ length: Number(concurrent) }, (_, i) => worker(`worker-${i}`)));
  const seconds = (performance.now() - start) / 1000;
  const { spans } = await store.statistics();
  if (spans !== (Number(rollouts) + 64) * 4)
    throw new Error(`expected 4 spans for each rollout, got ${spans}`);
  await store.close();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`DROP SCHEMA ${schema} CASCADE`);
  await client.end();
  return Math.round(Number(rollouts) / seconds);
}

async function live(store, workerId) {
  await store.enqueue([{ input: { question: "?" } }]);
  const [{ rolloutId, attempt }] = await store.claim(workerId, 1, {});
  const spans = Array.from({ length: 4 }, (_, i) => ({
    rolloutId,
    attemptId: attempt.attemptId,
    sequenceId: i + 1,
    traceId: "1".padStart(32, "0"),
    spanId: (i + 1).toString(16).padStart(16, "0"),
    parentId: null,
    name: "step",
    status: { code: "OK", description: null },
    attributes,
    events: [],
    startTime: 1,
    endTime: 2,
  }));
  await store.addSpans(spans);
  await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
}
