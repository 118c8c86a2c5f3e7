// A GRPO step of 8 prompts x 8 samples x 48 new tokens on 4.9M parameters, prompts of 110 and of 840 tokens: all parameters, as
// TRL's trainer does by default, and LoRA of rank 16 on all seven projections. Where its time goes: sampling, training
// (advantages, forward, loss, backward) and the optimizer; nothing is scored, since sampling's numbers are training's.
import { fileURLToPath } from "node:url";
import { attentionFlops, loraFlops, matrixSizes } from "./models.mjs";
import { summarize } from "./results.mjs";

export const subject = "grpo";

const program = fileURLToPath(new URL("grpo-case.mjs", import.meta.url));
const model = "4.9M";
const parts = ["step", "sampling", "training", "optimizer"];

/** @param {import("./run.mjs").Bench} bench */
export async function* rows(bench) {
  for (const prompt of [110, 840]) {
    for (const train of ["all", "adapter"]) {
      const given = { kind: subject, model, train, prompt, prompts: 8, group: 8, tokens: 48, repeats: 3 };
      yield* rowsOfStep(bench, given);
    }
  }
}

// --- internal ---

async function* rowsOfStep(bench, given) {
  const { harness, threads, rounds, device } = bench;
  const engines = bench.computes(model, given.train).map((compute) => ({
    ...{ name: `engine ${compute}`, contender: "engine", compute },
    command: () => [process.execPath, program, JSON.stringify({ ...given, compute, threads, device })],
  }));
  const contenders = [...engines, ...(await bench.peers.contenders(bench, given))];
  const measured = await harness.compare(contenders, rounds);
  const { kind: _, repeats: __, ...shape } = given;
  for (const { name, contender, compute, about } of contenders) {
    const { outputs, loaded } = measured.get(name);
    const arithmetic = bench.isOnCpu ? await bench.limits.arithmetic(threads, compute) : undefined;
    const steps = outputs.flatMap((output) => output.steps);
    for (const part of parts.filter((one) => steps[0][one] !== undefined)) {
      yield {
        ...{ subject, contender, shape: { ...shape, part }, dtype: compute, threads },
        ...(about === undefined ? {} : { about }),
        ...summarize(steps.map((step) => step[part])),
        unit: "s",
        ...(part === "step" && arithmetic
          ? { limit: flopsOfStep(given) / arithmetic.value, limitedBy: "arithmetic", isa: arithmetic.isa }
          : {}),
        ...(part === "step" && contender === "engine" ? { rows: rowsComputed(steps[0]) } : {}),
        memoryBytes: Math.max(...outputs.map(({ peakBytes }) => peakBytes)),
        loaded: loaded || (arithmetic?.loaded ?? false),
      };
    }
  }
}

function rowsComputed({ distinct, sampled, forward, backward, recomputed }) {
  return { distinct, sampled, forward, backward, recomputed };
}

/** Each distinct token once in sampling, once forward and once backward; the gradients of all parameters, or of LoRA's. */
function flopsOfStep({ prompt, prompts, group, tokens, train }) {
  const { layers, head } = matrixSizes(model);
  const samples = prompts * group;
  const distinct = prompts * prompt + samples * (tokens - 1);
  const lora = train === "adapter" ? loraFlops(model, 16) : 0;
  const attention =
    prompts * attentionFlops(model, prompt) +
    samples * (attentionFlops(model, prompt + tokens - 1) - attentionFlops(model, prompt));
  const sampling = distinct * (2 * layers + lora) + samples * tokens * 2 * head + attention;
  const forward = distinct * (2 * layers + lora) + samples * tokens * 2 * head + attention;
  const backward = samples * tokens * 2 * head + distinct * (2 * layers + 2 * lora) + 2 * attention;
  const gradients = train === "all" ? distinct * 2 * layers + samples * tokens * 2 * head : 0;
  return sampling + forward + backward + gradients;
}
