// The quickstart from nothing on three seeds: held-out reward before and after, how long it takes, and where a step's time goes.
// Two rounds of one seed must write the same metrics, times apart.
import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import { root } from "../scripts/command.mjs";
import { summarize } from "./results.mjs";

export const subject = "quickstart";

const program = join(root, "benchmarks", "quickstart-case.mjs");
const seeds = [1, 2, 3];

/** @param {import("./run.mjs").Bench} bench */
export async function* rows({ harness, rounds, threads }) {
  for (const seed of seeds) {
    const command = () => [process.execPath, program, `${seed}`];
    const { outputs, loaded } = await harness.measure(command, rounds);
    const common = { subject, contender: "engine", dtype: "f32", threads, loaded };
    for (const { steps } of outputs) deepStrictEqual(steps.map(untimed), outputs[0].steps.map(untimed));

    const { steps } = outputs[0];
    for (const policy of ["sampled", "greedy"]) {
      for (const [when, { [`eval/reward/${policy}`]: value }] of [
        ["before", steps[0]],
        ["after", steps.at(-1)],
      ]) {
        yield { ...common, shape: { seed, policy, when, steps: steps.length }, value, unit: "reward" };
      }
    }
    for (const [part, name] of [
      ["starting policy", "policySeconds"],
      ["whole", "seconds"],
    ]) {
      yield {
        ...common,
        shape: { seed, part },
        ...summarize(outputs.map((output) => output[name])),
        unit: "s",
      };
    }
    for (const part of ["step", "sampling", "agent", "training"]) {
      const times = outputs.flatMap((output) => output.steps.map((step) => step[`time/${part}`]));
      yield {
        ...common,
        shape: { seed, part: part === "step" ? part : `${part} of a step` },
        ...summarize(times),
        unit: "s",
      };
    }
  }
}

// --- internal ---

function untimed(step) {
  return Object.fromEntries(Object.entries(step).filter(([name]) => !name.startsWith("time/")));
}
