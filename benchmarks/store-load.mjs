// Two minutes of 1,000 runners on one server beside eight readers of lists of 50,000 rollouts, spans and workers, filtered, sorted and whole:
// how long /health takes (99th percentile), and by how much the server grows. An error of anyone, a rollout that is lost, and a server that
// grows beyond its bound end the benchmark.
import { join } from "node:path";
import { giveUp, root } from "../scripts/command.mjs";
import { summarize } from "./results.mjs";

export const subject = "store-load";

const program = join(root, "benchmarks", "store-load-case.mjs");
const shape = { clients: 1000, readers: 8, rows: 50_000, seconds: 120 };
/** Beyond what it has when it begins: what the runners leave, parts of lists, and garbage, which V8 lets grow with the heap of the memory store. */
const kGrowthBytes = 768 * 2 ** 20;

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, threads }) {
  for (const store of ["sqlite", "memory"]) {
    const command = () => [process.execPath, program, "--store", store, "--seconds", `${shape.seconds}`];
    const { outputs, loaded } = await harness.measure(command, 1);
    for (const output of outputs) check(store, output);
    yield {
      ...{ subject, contender: "server", dtype: "json", threads, loaded },
      shape: { store, ...shape, lives: outputs[0].lives, lists: outputs[0].lists },
      ...summarize(outputs.map(({ healthP99Ms }) => healthP99Ms)),
      unit: "ms",
      memoryBytes: Math.max(...outputs.map(({ mostBytes }) => mostBytes)),
    };
  }
}

// --- internal ---

function check(store, output) {
  const { clientErrors, readerErrors, healthErrors, serverErrors, kept, enqueued, idleBytes, mostBytes } =
    output;
  const errors = clientErrors + readerErrors + healthErrors + serverErrors;
  if (errors > 0 || kept !== enqueued || mostBytes - idleBytes > kGrowthBytes)
    giveUp(
      `store-load: expected no error and at most ${kGrowthBytes} bytes more, got ${JSON.stringify({ store, ...output })}`,
    );
}
