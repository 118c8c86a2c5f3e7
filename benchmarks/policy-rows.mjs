// Turns measurements of policy-case.mjs into rows of tokens a second, beside what the machine allows for the same work.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

const program = fileURLToPath(new URL("policy-case.mjs", import.meta.url));

/**
 * @param {import("./run.mjs").Bench} bench
 * @param {object} given  what policy-case.mjs is given, without threads
 * @param {{ flops: number, bytes: number }} work  of the tokens of one sample: flops that no order of the work saves, and
 *   bytes of weights that must be read once
 */
export async function policyRow({ harness, limits, threads, rounds }, given, work) {
  const command = () => [process.execPath, program, JSON.stringify({ ...given, threads })];
  const measured = (await harness.compare([{ name: "engine", command }], rounds)).get("engine");
  const { outputs, loaded } = measured;
  const [{ tokens }] = outputs;
  const arithmetic = await limits.arithmetic(threads);
  const memory = await limits.memory(threads, work.bytes);
  const calculating = work.flops / arithmetic.value;
  const reading = work.bytes / memory.value;
  const { kind, repeats: _, ...shape } = given;
  return {
    subject: kind,
    contender: "engine",
    shape,
    dtype: "f32",
    threads,
    isa: arithmetic.isa,
    ...summarize(outputs.flatMap(({ seconds }) => seconds.map((s) => tokens / s))),
    unit: "tokens/s",
    limit: tokens / Math.max(calculating, reading),
    limitedBy: calculating > reading ? "arithmetic" : "memory",
    memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
    loaded: loaded || arithmetic.loaded || memory.loaded,
  };
}
