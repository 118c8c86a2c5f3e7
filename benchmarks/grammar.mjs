// Sampling under a constraint beside sampling without: eight rows of which four are held to a JSON schema, tokens a second beside eight free ones, on
// a small model with a vocabulary of Qwen3's size, where masks weigh most. And what `policy.constrain` takes, fresh schemas one after another.
import { fileURLToPath } from "node:url";
import { summarize } from "./results.mjs";

export const subject = "grammar";

const program = fileURLToPath(new URL("grammar-case.mjs", import.meta.url));

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, models, computes, threads, device, rounds }) {
  if (!models.includes("hidden 128")) return;
  const model = "large vocabulary";
  for (const compute of computes(model)) {
    const shape = { model, rows: 8, steps: 96 };
    const command = () => [
      process.execPath,
      program,
      JSON.stringify({ ...shape, compute, threads, device, repeats: 3 }),
    ];
    const { outputs, loaded } = await harness.measure(command, rounds);
    const memoryBytes = Math.max(...outputs.map(({ peakBytes }) => peakBytes));
    const row = (part, unit, values) => ({
      ...{ subject, contender: "engine", shape: { ...shape, part }, dtype: compute, threads },
      ...summarize(values),
      ...{ unit, memoryBytes, loaded },
    });
    const turns = outputs.flatMap((output) => output.turns);
    yield row(
      "8 free",
      "tokens/s",
      turns.map(({ free }) => free),
    );
    yield row(
      "4 free, 4 held",
      "tokens/s",
      turns.map(({ held }) => held),
    );
    yield row(
      "held / free",
      "times",
      turns.map(({ free, held }) => held / free),
    );
    yield row(
      "constrain",
      "s",
      outputs.flatMap(({ constrain }) => constrain),
    );
  }
}
