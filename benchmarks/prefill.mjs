// A prompt of 511 tokens that was never seen, and its first answer token. The limit counts the head for one row only.
import { attentionFlops, matrixSizes } from "./models.mjs";
import { policyRows } from "./policy-rows.mjs";

export const subject = "prefill";

/** @param {import("./run.mjs").Bench} bench */
export async function* rows(bench) {
  const length = 512;
  for (const model of bench.models) {
    const { layers, head } = matrixSizes(model);
    const flops = 2 * (layers * (length - 1) + head) + attentionFlops(model, length - 1);
    const repeats = model === "0.5B" ? 1 : 8;
    const work = { flops, weights: layers + head, reads: 1 };
    yield* policyRows(bench, { kind: subject, model, length, repeats }, work);
  }
}
