// How late the event loop is while the engine uses all its threads: the 99th percentile and the largest delay of a timer of
// one millisecond while samples stream, while updates are computed, and while both go on (samples carried over). Must: 5 ms.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

export const subject = "lateness";

const program = fileURLToPath(new URL("lateness-case.mjs", import.meta.url));
const mustMilliseconds = 5;

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, models, computes, threads, device, rounds }) {
  // A thread of the engine on every core: the loop has none of its own.
  for (const model of [...new Set([...models, "4.9M"])]) {
    for (const compute of computes(model)) {
      const given = { model, compute, threads, device, seconds: model === "0.5B" ? 10 : 4 };
      const command = () => [process.execPath, program, JSON.stringify(given)];
      const { outputs, loaded } = await harness.measure(command, rounds);
      for (const work of Object.keys(outputs[0].delays)) {
        const delays = outputs.map((output) => output.delays[work]);
        const row = {
          ...{ subject, contender: "engine", shape: { model, work }, dtype: compute, threads },
          ...summarize(delays.map(({ p99 }) => p99)),
          ...{ unit: "ms", maximum: Math.max(...delays.map(({ max }) => max)) },
          ticks: delays.reduce((sum, { ticks }) => sum + ticks, 0),
          memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
          loaded,
        };
        if (row.value > mustMilliseconds) console.log(`lateness: above ${mustMilliseconds} ms`);
        yield row;
      }
    }
  }
}
