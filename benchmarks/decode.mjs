// Sampling one token after the other, one continuation and eight of one prompt, 64 on a GPU. The limit reads every weight
// once a step.
import { matrixSizes } from "./models.mjs";
import { policyRows } from "./policy-rows.mjs";

export const subject = "decode";

/** @param {import("./run.mjs").Bench} bench */
export async function* rows(bench) {
  for (const model of bench.models) {
    const { layers, head } = matrixSizes(model);
    const [steps, repeats] = !bench.isOnCpu ? [64, 3] : model === "0.5B" ? [16, 1] : [256, 5];
    for (const batch of bench.isOnCpu ? [1, 8] : [1, 64]) {
      const work = { flops: 2 * batch * (layers + head), weights: layers + head, reads: 1 };
      yield* policyRows(bench, { kind: subject, model, batch, prompt: 16, steps, repeats }, work);
    }
  }
}
