// What a served call costs beside its sampling: milliseconds of processor time a call, the client's own fetch included, beside that fetch alone
// and beside a bare fetch to a hono server on loopback. Must: 0.25 ms more than the fetch alone.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

export const subject = "endpoint";

const program = fileURLToPath(new URL("endpoint-case.mjs", import.meta.url));
const contenders = ["fetch", "hono", "chat", "chat-stream", "responses", "responses-stream"];
const mustMilliseconds = 0.25;

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, rounds }) {
  const cases = contenders.map((name) => ({
    name,
    command: () => [process.execPath, program, "--contender", name],
  }));
  const measured = await harness.compare(cases, rounds);
  const values = (name) => measured.get(name).outputs.map(({ cpuMilliseconds }) => cpuMilliseconds);
  const alone = summarize(values("fetch")).value;
  for (const [contender, { outputs, loaded }] of measured) {
    const row = {
      ...{ subject, contender, dtype: "json", threads: 1, loaded },
      shape: { calls: outputs[0].calls, concurrency: 8, promptTokens: 290 },
      ...summarize(values(contender)),
      ...{ unit: "ms/call", memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)) },
    };
    const isOurs = contender !== "fetch" && contender !== "hono";
    if (isOurs && row.value - alone > mustMilliseconds)
      console.log(`endpoint: ${contender} costs more than ${mustMilliseconds} ms beside its fetch`);
    yield isOurs ? { ...row, ours: row.value - alone } : row;
  }
}
