// The life cycle of a rollout over HTTP: enqueue, dequeue, 4 spans of 32 attributes, attempt succeeded; client and server share the machine.
// Contenders: `single` sends each span by itself as the Python client does, `numbered` also asks for each span's number, `batched` is this
// package's client. Agent Lightning 0.3 on two cores: 38 to 53 rollouts/s.
import { join } from "node:path";
import { root } from "../scripts/command.mjs";
import { summarize } from "./results.mjs";

export const subject = "store-http";

const program = join(root, "benchmarks", "store-http-case.mjs");
const shape = { spans: 4, attributes: 32, rollouts: 3000, concurrency: 32 };

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, rounds, threads }) {
  for (const store of ["memory", "sqlite"]) {
    const contenders = ["single", "numbered", "batched"].map((client) => ({
      name: client,
      command: () => [process.execPath, program, "--store", store, "--client", client],
    }));
    for (const [contender, { outputs, loaded }] of await harness.compare(contenders, rounds))
      yield {
        ...{ subject, contender, dtype: "json", threads, loaded },
        shape: { store, ...shape, requests: outputs[0].requests },
        ...summarize(outputs.map(({ rolloutsPerSecond }) => rolloutsPerSecond)),
        unit: "rollouts/s",
        memoryBytes: Math.max(...outputs.map(({ memoryBytes }) => memoryBytes)),
      };
  }
}
