// Products with packed weights (native/ops/linear/linear.*) at the projections of hidden 128 and hidden 896, beside the
// reference that the tests compare them with. Every bit is checked before the first round is timed.
import { coldBytes } from "./limits.mjs";
import { summarize } from "./results.mjs";

export const subject = "products";

// Weights of hidden 128 stay in the caches of a core, as those of the whole model do; at hidden 896 they come from memory.
const projections = [
  { k: 128, n: 128, weights: "cached" },
  { k: 128, n: 384, weights: "cached" },
  { k: 896, n: 896, weights: "from memory" },
  { k: 896, n: 4864, weights: "from memory" },
  { k: 4864, n: 896, weights: "from memory" },
];
const rowCounts = [1, 8, 64, 256, 512];

/** @param {import("./run.mjs").Bench} bench */
export async function* rows(bench) {
  for (const op of ["forward", "backwardInput"]) {
    const counts = op === "forward" ? rowCounts : [256, 512];
    for (const projection of projections) yield* rowsOfProjection(bench, op, projection, counts);
  }
}

// --- internal ---

async function* rowsOfProjection(
  { harness, limits, programs, threads, rounds },
  op,
  { k, n, weights },
  counts,
) {
  const cold = weights === "cached" ? 0 : coldBytes;
  const sizes = ["--op", op, "--k", `${k}`, "--n", `${n}`];
  const engine = {
    name: "engine",
    command: (round) => [
      ...[programs.products, ...sizes, "--rows", counts.join(","), "--threads", `${threads}`],
      ...["--cold", `${cold}`, "--check", round === 0 ? "1" : "0"],
    ],
  };
  const reference = {
    name: "reference",
    command: () => [
      programs.products,
      ...sizes,
      "--contender",
      "reference",
      "--rows",
      "8",
      "--seconds",
      "0.1",
    ],
  };
  const measured = await harness.compare(op === "forward" ? [engine, reference] : [engine], rounds);
  for (const [contender, { outputs, loaded }] of measured) {
    const used = contender === "engine" ? threads : 1;
    const arithmetic = await limits.arithmetic(used);
    const memory = await limits.memory(used, Math.max(cold, n * k * 4));
    for (const [i, { rows: m }] of outputs[0].cases.entries()) {
      const seconds = outputs.flatMap((output) => output.cases[i].seconds);
      const common = {
        subject,
        contender,
        shape: { op, M: m, K: k, N: n, weights },
        dtype: "f32",
        threads: used,
        isa: outputs[0].isa,
        memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
      };
      const rate = (amount) => summarize(seconds.map((s) => amount / s / 1e9));
      const gflops = {
        limit: arithmetic.value / 1e9,
        limitedBy: "arithmetic",
        loaded: loaded || arithmetic.loaded,
      };
      yield { ...common, ...rate(2 * m * k * n), unit: "GFLOP/s", ...gflops };
      if (m > 8 || contender !== "engine") continue;
      const gigabytes = { limit: memory.value / 1e9, limitedBy: "memory", loaded: loaded || memory.loaded };
      yield { ...common, ...rate(4 * k * n), unit: "GB/s", ...gigabytes };
    }
  }
}
