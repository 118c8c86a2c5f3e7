import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPolicy } from "../../../src/index.js";
import { readModelConfig } from "../../../src/policy/model/model-config.js";
import { outcome } from "../../call-outcome.js";
import { copyModel, editJson, modelErrorOf } from "./model-copies.js";

/** Of 512 positions and 3 layers. */
function folderWith(changes: object): string {
  const dir = copyModel("llama3");
  editJson(join(dir, "config.json"), { rope_scaling: null, ...changes });
  return dir;
}

const mistral = { model_type: "mistral", architectures: ["MistralForCausalLM"] };
const qwen2 = { model_type: "qwen2", architectures: ["Qwen2ForCausalLM"] };
const qwen3 = { model_type: "qwen3", architectures: ["Qwen3ForCausalLM"] };
const sliding = Array(3).fill("sliding_attention");

describe("a sliding window", () => {
  it.each<[object, number | undefined]>([
    [{ ...mistral, sliding_window: 128 }, 128],
    [{ ...mistral, sliding_window: 512 }, undefined],
    [{ ...mistral, sliding_window: null }, undefined],
    // transformers gives Mistral a window of 4,096 where the file is silent.
    [{ ...mistral, max_position_embeddings: 32_768 }, 4096],
    [{ ...mistral, max_position_embeddings: 4096 }, undefined],
    [{ ...qwen2, sliding_window: 128 }, undefined],
    [{ ...qwen2, sliding_window: 128, use_sliding_window: false }, undefined],
    [{ ...qwen2, sliding_window: 128, use_sliding_window: true, max_window_layers: 2 }, 128],
    [{ ...qwen2, sliding_window: 128, use_sliding_window: true, max_window_layers: 3 }, undefined],
    [{ ...qwen2, sliding_window: 128, use_sliding_window: true }, undefined],
    [{ ...qwen2, use_sliding_window: true, max_window_layers: 0, max_position_embeddings: 8192 }, 4096],
    [{ ...qwen2, sliding_window: null, use_sliding_window: true, max_window_layers: 0 }, undefined],
    [{ ...qwen3, sliding_window: 64, use_sliding_window: true, layer_types: sliding }, 64],
    [
      {
        ...qwen3,
        sliding_window: 64,
        use_sliding_window: true,
        layer_types: Array(3).fill("full_attention"),
      },
      undefined,
    ],
    [{ sliding_window: 200 }, 200],
  ])("of %j is %s", (changes, window) => {
    expect(readModelConfig(folderWith(changes)).window).toBe(window);
  });

  it.each([
    [{ ...mistral, sliding_window: 0 }, "sliding_window to be null or a count of tokens, got 0"],
    [{ ...mistral, sliding_window: "4096" }, "sliding_window to be null or a count of tokens"],
    [{ ...qwen3, layer_types: sliding }, "sliding_window beside layer_types of sliding_attention"],
    [
      { ...qwen3, use_sliding_window: false, sliding_window: 9, layer_types: sliding },
      "sliding_window beside layer_types",
    ],
    [
      { layer_types: Array(3).fill("chunked_attention") },
      'layer_types all "full_attention" or "sliding_attention"',
    ],
    [{ use_sliding_window: true }, "sliding_window beside use_sliding_window"],
  ])("is refused in %j", (changes, message) => {
    expect(modelErrorOf(() => readModelConfig(folderWith(changes)))).toContain(message);
  });

  it("bounds the context, and is no obstacle within it", async () => {
    const dir = folderWith({ sliding_window: 128 });
    const policy = await loadPolicy(dir, { cacheTokens: 1024 });
    expect([policy.contextLength, policy.config.window]).toEqual([128, 128]);
    await policy.close();
    const shorter = await loadPolicy(dir, { contextLength: 64, cacheTokens: 256 });
    await shorter.close();
    expect(await outcome(() => loadPolicy(dir, { contextLength: 129 }))).toMatchObject({
      code: "E_ARGUMENT",
      message:
        "loadPolicy: expected contextLength of at most 128, the model's sliding window, got 129; within its window the " +
        "model attends to everything, beyond it is not supported",
    });
  });
});
