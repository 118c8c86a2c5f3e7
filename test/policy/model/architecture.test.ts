import { describe, expect, it } from "vitest";
import { readArchitecture } from "../../../src/policy/model/architecture.js";
import { thrownBy } from "../fixture-models.js";

const read = (raw: Readonly<Record<string, unknown>>) =>
  readArchitecture(raw, (expected, got) => new Error(`${expected}, got ${got}`));
const refusal = (raw: Readonly<Record<string, unknown>>) => thrownBy(() => read(raw)).message;

describe("the architecture of a config.json", () => {
  it.each([
    [{ model_type: "llama", architectures: ["LlamaForCausalLM"] }, "llama"],
    [{ model_type: "qwen3" }, "qwen3"],
    [{ architectures: ["MistralForCausalLM"] }, "mistral"],
    [{ model_type: "qwen2", architectures: null }, "qwen2"],
  ])("of %j is %s", (raw, architecture) => {
    expect(read(raw)).toBe(architecture);
  });

  it.each([
    ["qwen2_moe", "qwen2"],
    ["qwen", "qwen2"],
    ["qwen3_moe", "qwen3"],
    ["qwen3_next", "qwen3"],
    ["qwen3_5_text", "qwen3"],
    ["mixtral", "mistral"],
    ["ministral3", "mistral"],
    ["llama4_text", "llama"],
    ["smollm3", "llama"],
    ["gemma3_text", "llama"],
    ["phi3", "llama"],
    ["granite", "llama"],
    ["olmo2", "llama"],
    ["lama", "llama"],
    ["qwem2", "qwen2"],
  ])("is not %s, and the nearest that is served is named", (type, nearest) => {
    const message = refusal({ model_type: type, architectures: [`${type}ForCausalLM`] });
    expect(message).toContain(`model_type to be one of llama, qwen2, qwen3, mistral, got "${type}" with`);
    expect(message).toContain(`; the nearest that is served is ${nearest}, as in `);
  });

  it.each([
    [
      { model_type: "bert", architectures: ["BertModel"] },
      "; served are llama (SmolLM2 or Llama 3), qwen2 (Qwen2.5)",
    ],
    [{}, "got undefined with architectures []; served are"],
    [{ architectures: ["Gemma3ForCausalLM"] }, "the nearest that is served is llama"],
    [
      { model_type: "llama", architectures: ["LlamaForSequenceClassification"] },
      'got ["LlamaForSequenceClassification"]; save the model as LlamaForCausalLM',
    ],
  ])("of %j says what is served", (raw, message) => {
    expect(refusal(raw)).toContain(message);
  });

  it.each([
    [
      {
        model_type: "llava",
        architectures: ["LlavaForConditionalGeneration"],
        text_config: { model_type: "llama" },
      },
      'the model of text inside it is a "llama" (text_config); save that one alone as a model',
    ],
    [
      { model_type: "internvl_chat", llm_config: { model_type: "qwen2" } },
      'is a "qwen2" (llm_config); save that one alone',
    ],
    [
      { model_type: "gemma3", text_config: { model_type: "gemma3_text", hidden_size: 8 } },
      'is a "gemma3_text" (text_config); the nearest that is served is llama',
    ],
    [
      { model_type: "qwen2_5_omni", thinker_config: { text_config: { model_type: "qwen2_5_omni_text" } } },
      'is a "qwen2_5_omni_text" (thinker_config.text_config); the nearest that is served is qwen2',
    ],
    [
      { model_type: "mistral3", text_config: { model_type: "mistral" } },
      'is a "mistral" (text_config); save that one alone',
    ],
    [
      { model_type: "qwen3_5_moe", text_config: { model_type: "qwen3_5_moe_text" } },
      "the nearest that is served is qwen3",
    ],
  ])("inside %j is named with its field", (raw, message) => {
    expect(refusal(raw)).toContain(message);
  });
});
