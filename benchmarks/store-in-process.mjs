// The store in its own process: rollouts a second through their whole life (enqueue, claim, 4 spans of 32 attributes, succeeded), and
// the time to read one attempt back from small and large stores. Agent Lightning 0.3 in process on two cores: 433 rollouts/s.
//   node benchmarks/store-in-process.mjs [--force] [--rounds 3] [--only life,query] [--spans 1000000]
// Prints a line for every measurement and appends nothing. Needs `npm run build`.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../scripts/command.mjs";
import { Harness } from "./harness.mjs";
import { describeCommit, describeMachine } from "./machine.mjs";
import { showRow, summarize } from "./results.mjs";

export const subject = "store-in-process";

const program = join(root, "benchmarks", "store-case.mjs");

/** @param {import("./run.mjs").Bench & { only?: readonly string[], spans?: number }} bench */
export async function* rows({ harness, rounds, only = ["life", "query"], spans = 1_000_000 }) {
  if (only.includes("life")) yield* lives(harness, rounds);
  if (only.includes("query")) yield* queries(harness, spans);
}

// --- internal ---

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "life,query" },
      rounds: { type: "string", default: "3" },
      spans: { type: "string", default: "1000000" },
      force: { type: "boolean", default: false },
    },
  });
  console.log(JSON.stringify({ commit: describeCommit(), ...describeMachine(), node: process.version }));
  const harness = new Harness({ force: values.force });
  const given = { only: values.only.split(","), rounds: Number(values.rounds), spans: Number(values.spans) };
  for await (const row of rows({ harness, ...given })) console.log(showRow(row));
}

async function* lives(harness, rounds) {
  const shape = { spans: 4, attributes: 32, concurrency: 64, rollouts: 30_000 };
  const contenders = [
    { store: "memory" },
    { store: "sqlite", durability: "process" },
    { store: "sqlite", durability: "power" },
  ].map((given) => ({
    name: Object.values(given).join(" "),
    command: () => [process.execPath, program, JSON.stringify({ kind: "life", ...given, ...shape })],
  }));
  for (const [contender, { outputs, loaded }] of await harness.compare(contenders, rounds))
    yield {
      ...{ subject, contender, shape, dtype: "json", threads: 1, loaded },
      ...summarize(outputs.map(({ rolloutsPerSecond }) => rolloutsPerSecond)),
      unit: "rollouts/s",
      memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
    };
}

async function* queries(harness, mostSpans) {
  for (const spans of [10_000, mostSpans]) {
    const shape = { spansPerAttempt: 100, attributes: 32, spans };
    const command = () => [process.execPath, program, JSON.stringify({ kind: "query", ...shape })];
    const measured = await harness.compare([{ name: "sqlite", command }], 1);
    const { outputs, loaded } = measured.get("sqlite");
    yield {
      ...{ subject, contender: "sqlite query", shape, dtype: "json", threads: 1, loaded },
      ...summarize(outputs.flatMap(({ milliseconds }) => milliseconds)),
      unit: "ms",
      memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
    };
  }
}
