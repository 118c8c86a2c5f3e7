// Turns measurements of policy-case.mjs and of its peers, which take turns, into rows of tokens a second beside what the
// machine allows for the same work.
import { fileURLToPath } from "node:url";
import { toLimit } from "./limits.mjs";
import { summarize } from "./results.mjs";

const program = fileURLToPath(new URL("policy-case.mjs", import.meta.url));

/** Bytes of a weight by compute path. */
export const weightBytes = { f32: 4, bf16: 2 };

/**
 * The engine in every compute path that is asked for, each peer that does this work, and on the CPU a linear read of as many
 * bytes as the weights have.
 * @param {import("./run.mjs").Bench} bench
 * @param {object} given  what policy-case.mjs is given, without compute and threads
 * @param {{ flops: number, weights: number, reads: number }} work  of the tokens of one sample: flops that no order of the
 *   work saves, weights, and how often each must be read
 */
export async function* policyRows(bench, given, work) {
  const { harness, threads, rounds } = bench;
  const contenders = [...engines(bench, given), ...(await bench.peers.contenders(bench, given))];
  const paths = [...new Set(contenders.map(({ compute }) => compute))];
  const readers = bench.isOnCpu
    ? paths.map((path) => bench.limits.reader(`read ${path}`, threads, work.weights * weightBytes[path]))
    : [];
  const measured = await harness.compare([...contenders, ...readers], rounds);
  for (const { name, contender, compute, about } of contenders) {
    const { outputs, loaded } = measured.get(name);
    const [{ tokens }] = outputs;
    const reader = measured.get(`read ${compute}`);
    const limit = reader && (await limitOf(bench, work, compute, toLimit(reader)));
    const { kind, repeats: _, ...shape } = given;
    yield {
      ...{ subject: kind, contender, shape, dtype: compute, threads },
      ...(about === undefined ? {} : { about }),
      ...summarize(outputs.flatMap(({ seconds }) => seconds.map((s) => tokens / s))),
      unit: "tokens/s",
      ...(limit && { limit: tokens / limit.seconds, limitedBy: limit.by, isa: limit.isa }),
      memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
      loaded: loaded || (limit?.loaded ?? false),
    };
  }
}

// --- internal ---

function engines({ computes, threads, device }, given) {
  return computes(given.model).map((compute) => ({
    ...{ name: `engine ${compute}`, contender: "engine", compute },
    command: () => [process.execPath, program, JSON.stringify({ ...given, compute, threads, device })],
  }));
}

async function limitOf({ limits, threads }, work, compute, memory) {
  const arithmetic = await limits.arithmetic(threads, compute);
  const calculating = work.flops / arithmetic.value;
  const reading = (work.reads * work.weights * weightBytes[compute]) / memory.value;
  return {
    seconds: Math.max(calculating, reading),
    by: calculating > reading ? "arithmetic" : "memory",
    isa: arithmetic.isa,
    loaded: arithmetic.loaded || memory.loaded,
  };
}
