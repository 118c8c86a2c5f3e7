// Eight samples of one prompt of 1,024 tokens, 64 new tokens each, as eight calls: rows computed for each distinct token (Law 2),
// and the time beside eight prompts that differ in their first token, so that nothing is shared.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

export const subject = "group";

const program = fileURLToPath(new URL("group-case.mjs", import.meta.url));

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, models, computes, threads, device, rounds }) {
  for (const model of models) {
    for (const compute of computes(model)) {
      const shape = { model, prompt: 1024, group: 8, steps: 64 };
      const given = { ...shape, compute, threads, device, repeats: model === "0.5B" ? 1 : 3 };
      const command = () => [process.execPath, program, JSON.stringify(given)];
      const { outputs, loaded } = await harness.measure(command, rounds);
      const turns = outputs.flatMap((output) => output.turns);
      const memoryBytes = Math.max(...outputs.map(({ peakBytes }) => peakBytes));
      const row = (part, unit, number) => ({
        ...{ subject, contender: "engine", shape: { ...shape, part }, dtype: compute, threads },
        ...summarize(turns.map(number)),
        ...{ unit, memoryBytes, loaded },
      });
      yield row("shared", "s", ({ shared }) => shared);
      yield row("unshared", "s", ({ unshared }) => unshared);
      yield row("unshared / shared", "times", ({ shared, unshared }) => unshared / shared);
      yield row("computed / distinct tokens", "times", ({ computed, distinct }) => computed / distinct);
    }
  }
}
