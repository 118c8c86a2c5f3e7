// The random models of the benchmarks, written once below .agl/bench, and what the machine's limits mean for them.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createModel } from "agentlightning";
import { root } from "../scripts/command.mjs";
import { kOutputs, largeTokenizer } from "./large-vocabulary.mjs";

const tokenizer = join(root, "test", "fixtures", "models", "qwen2");

/** Shapes as createModel takes them. */
export const models = {
  "hidden 128": {
    ...{ architecture: "qwen2", hidden: 128, layers: 3, heads: 2, kvHeads: 1, headSize: 64 },
    ...{ intermediate: 384, vocabulary: 512, tie: true },
  },
  "0.5B": {
    ...{ architecture: "qwen2", hidden: 896, layers: 24, heads: 14, kvHeads: 2, headSize: 64 },
    ...{ intermediate: 4864, vocabulary: 151_936, tie: true },
  },
  "4.9M": {
    ...{ architecture: "qwen2", hidden: 256, layers: 6, heads: 4, kvHeads: 2, headSize: 64 },
    ...{ intermediate: 768, vocabulary: 512, tie: true },
  },
};

models["large vocabulary"] = { ...models["hidden 128"], vocabulary: kOutputs };

/** Those that --models chooses from; 4.9M is GRPO's and lateness's, the large vocabulary is grammar's. */
export const sizes = ["hidden 128", "0.5B"];

/** The folder of a model by its name, written if it is not there (0.5B: 1 GB, about half a minute). */
export function modelFolder(name) {
  const folder = join(root, ".agl", "bench", name.replaceAll(" ", "-"));
  if (!existsSync(join(folder, "config.json"))) {
    const own = name === "large vocabulary" ? largeTokenizer() : tokenizer;
    createModel(folder, { ...models[name], tokenizer: own }, { seed: 1, dtype: "bf16", overwrite: true });
  }
  return folder;
}

/** Numbers in the matrices of all layers, and in the head (the embedding, when tied). */
export function matrixSizes(name) {
  const { hidden, layers, heads, kvHeads, headSize, intermediate, vocabulary } = models[name];
  const attention = 2 * hidden * heads * headSize + 2 * hidden * kvHeads * headSize;
  return { layers: layers * (attention + 3 * hidden * intermediate), head: hidden * vocabulary };
}

/** Flops of attention's two products for `tokens` positions of one sequence, each seeing itself and those before it. */
export function attentionFlops(name, tokens) {
  const { layers, heads, headSize } = models[name];
  return (4 * layers * heads * headSize * tokens * (tokens + 1)) / 2;
}

/** Flops of LoRA's two small products on the seven projections, for one token. */
export function loraFlops(name, rank) {
  const { hidden, layers, heads, kvHeads, headSize, intermediate } = models[name];
  const attention = 2 * (hidden + heads * headSize) + 2 * (hidden + kvHeads * headSize);
  return 2 * rank * layers * (attention + 3 * (hidden + intermediate));
}
