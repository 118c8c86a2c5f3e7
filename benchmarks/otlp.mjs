// OTLP over HTTP into the memory store: spans a second, client and server sharing the machine. Agent Lightning 0.3 on two cores:
// 2,000 (batches of 4 x 8) to 4,490 (24 x 32).
import { join } from "node:path";
import { root } from "../scripts/command.mjs";
import { summarize } from "./results.mjs";

export const subject = "otlp";

const program = join(root, "benchmarks", "otlp-client.mjs");
const connections = 8;
const seconds = 3;

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, rounds, threads }) {
  for (const attributes of [8, 32]) {
    const args = [24, attributes, connections, seconds].map(String);
    const { outputs, loaded } = await harness.measure(() => [process.execPath, program, ...args], rounds);
    yield {
      ...{ subject, contender: "memory store", dtype: "protobuf", threads, loaded },
      shape: { spans: 24, attributes, connections },
      ...summarize(outputs.map(({ spansPerSecond }) => spansPerSecond)),
      unit: "spans/s",
      memoryBytes: Math.max(...outputs.map(({ memoryBytes }) => memoryBytes)),
    };
  }
}
