// The store in its own process: rollouts a second through their whole life (enqueue, claim, 4 spans of 32 attributes, succeeded), and
// the time to read one attempt back from small and large stores. Agent Lightning 0.3 in process on two cores: 433 rollouts/s.
import { join } from "node:path";
import { root } from "../scripts/command.mjs";
import { summarize } from "./results.mjs";

export const subject = "store-in-process";

const program = join(root, "benchmarks", "store-case.mjs");

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, rounds }) {
  yield* lives(harness, rounds);
  yield* queries(harness);
}

// --- internal ---

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

async function* queries(harness) {
  for (const spans of [10_000, 1_000_000]) {
    const shape = { spansPerAttempt: 100, attributes: 32, spans };
    const command = () => [process.execPath, program, JSON.stringify({ kind: "query", ...shape })];
    const { outputs, loaded } = await harness.measure(command, 1);
    yield {
      ...{ subject, contender: "sqlite query", shape, dtype: "json", threads: 1, loaded },
      ...summarize(outputs.flatMap(({ milliseconds }) => milliseconds)),
      unit: "ms",
      memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
    };
  }
}
