// LoRA of rank 16 on all seven projections: forwardBackward and optimStep over 1 and 4 sequences of 512 tokens, on a GPU over 16 of 1,024. The limit
// counts one forward and one backward of the frozen matrices with respect to their input (2 + 2 flops a weight and
// token), LoRA's own products (2 + 4) and attention's (1 + 2), and nothing twice: recomputation is the engine's choice.
import { attentionFlops, loraFlops, matrixSizes } from "./models.mjs";
import { policyRows } from "./policy-rows.mjs";

export const subject = "training";

/** @param {import("./run.mjs").Bench} bench */
export async function* rows(bench) {
  const length = bench.isOnCpu ? 512 : 1024;
  const rank = 16;
  for (const model of bench.models) {
    const { layers, head } = matrixSizes(model);
    for (const batch of bench.isOnCpu ? [1, 4] : [16]) {
      const matrices = 4 * (layers + head) * length;
      const flops =
        batch * (matrices + 3 * loraFlops(model, rank) * length + 3 * attentionFlops(model, length));
      const repeats = model === "0.5B" && bench.isOnCpu ? 1 : 5;
      const given = { kind: subject, model, batch, length, rank, repeats };
      yield* policyRows(bench, given, { flops, weights: layers + head, reads: 2 });
    }
  }
}
