// From optimStep to a token of the new weights: how much later it comes than without a step, in pairs, and what the switch
// could have copied at most in that time. Base weights are not copied: their arena is the plan's, and it does not grow.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

export const subject = "switch";

const program = fileURLToPath(new URL("switch-case.mjs", import.meta.url));

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, limits, models, computes, threads, device, isOnCpu, rounds }) {
  for (const model of models) {
    for (const compute of computes(model)) {
      const given = { model, compute, threads, device, repeats: 20 };
      const command = () => [process.execPath, program, JSON.stringify(given)];
      const { outputs, loaded } = await harness.measure(command, rounds);
      const memory = isOnCpu ? await limits.memory(threads, outputs[0].weightBytes) : undefined;
      const differences = outputs.flatMap(({ seconds: { step, none } }) => step.map((s, i) => s - none[i]));
      const row = (part, unit, samples) => ({
        ...{ subject, contender: "engine", shape: { model, part }, dtype: compute, threads },
        ...summarize(samples),
        ...{ unit, memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)) },
        loaded: loaded || (memory?.loaded ?? false),
      });
      yield {
        ...row(
          "first token after a step, less that without",
          "ms",
          differences.map((s) => 1000 * s),
        ),
        weightBytes: outputs[0].weightBytes,
        weightGrowthBytes: Math.max(...outputs.map(({ weightGrowthBytes }) => weightGrowthBytes)),
        // Reading and writing them once would take so long; a switch that takes less copies less.
        ...(memory && { copyMilliseconds: (2000 * outputs[0].weightBytes) / memory.value }),
      };
      const none = outputs.flatMap(({ seconds }) => seconds.none.map((s) => 1000 * s));
      yield row("first token without a step", "ms", none);
    }
  }
}
