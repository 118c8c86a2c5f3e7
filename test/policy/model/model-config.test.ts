import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readModelConfig } from "../../../src/policy/model/model-config.js";
import { type Json, modelDir } from "../fixture-models.js";
import { copyModel, editJson, emptyFolder, modelErrorOf } from "./model-copies.js";

const kQwen2 = {
  architecture: "qwen2",
  hidden: 64,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  intermediate: 160,
  vocabulary: 368,
  tie: true,
  normEps: 1e-6,
  maxPositions: 512,
  rope: { kind: "default", theta: 1e6 },
  qkvBias: true,
  qkNorm: false,
  eosTokenIds: [357],
};
const kLlama3Rope = {
  kind: "llama3",
  theta: 500_000,
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalMaxPositions: 64,
};
const kNewRope = {
  rope_type: "llama3",
  rope_theta: 500_000,
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

function configWith(changes: Json, name: "qwen2" | "llama3" = "llama3") {
  const dir = copyModel(name);
  editJson(join(dir, "config.json"), changes);
  return readModelConfig(dir);
}

describe("readModelConfig", () => {
  it("reads the older spelling", () => {
    expect(readModelConfig(copyModel("qwen2"))).toEqual(kQwen2);
    const llama = readModelConfig(copyModel("llama3"));
    expect(llama).toMatchObject({ architecture: "llama", tie: false, normEps: 1e-5, qkvBias: false });
    expect(llama.rope).toEqual(kLlama3Rope);
  });

  it.skipIf(modelDir("qwen3") === undefined)(
    "reads the newer spelling (skipped without the shared fixtures)",
    () => {
      const qwen3 = readModelConfig(modelDir("qwen3") ?? "");
      expect(qwen3).toMatchObject({ architecture: "qwen3", headSize: 32, qkNorm: true, tie: false });
      expect(qwen3.rope).toEqual({ kind: "default", theta: 1e6 });
      const mistral = readModelConfig(modelDir("mistral") ?? "");
      expect(mistral).toMatchObject({
        architecture: "mistral",
        qkvBias: false,
        tie: true,
        eosTokenIds: [359],
      });
    },
  );

  it("gives the same rotation in both spellings", () => {
    const rope = { rope_theta: undefined, rope_scaling: undefined, rope_parameters: kNewRope };
    expect(configWith(rope).rope).toEqual(kLlama3Rope);
    expect(configWith({ rope_parameters: kNewRope }).rope).toEqual(kLlama3Rope);
    expect(configWith({ rope_scaling: { type: "linear", factor: 2 } }).rope).toEqual({
      kind: "linear",
      theta: 500_000,
      factor: 2,
    });
    expect(configWith({ rope_scaling: null, rope_theta: undefined }).rope).toEqual({
      kind: "default",
      theta: 10_000,
    });
  });

  it("refuses two spellings that disagree", () => {
    const message = modelErrorOf(() => configWith({ rope_parameters: { ...kNewRope, factor: 4 } }));
    expect(message).toContain("rope_scaling to agree with rope_parameters");
  });

  it("takes hidden / heads for a missing head size, 128 in Qwen3", () => {
    expect(configWith({ head_dim: undefined, num_attention_heads: 2 }).headSize).toBe(32);
    const qwen3 = { model_type: "qwen3", architectures: ["Qwen3ForCausalLM"], head_dim: undefined };
    expect(configWith({ ...qwen3, rope_scaling: null }).headSize).toBe(128);
    expect(modelErrorOf(() => configWith({ head_dim: undefined, hidden_size: 66 }))).toContain("head_dim");
  });

  it("joins the end tokens of both files without repeats, as number or list", () => {
    const dir = copyModel("qwen2");
    editJson(join(dir, "config.json"), { eos_token_id: [5, 6], bos_token_id: 7 });
    editJson(join(dir, "generation_config.json"), { eos_token_id: [6, 9] });
    expect(readModelConfig(dir)).toMatchObject({ eosTokenIds: [5, 6, 9], bosTokenId: 7 });
    editJson(join(dir, "generation_config.json"), { eos_token_id: 8 });
    expect(readModelConfig(dir).eosTokenIds).toEqual([5, 6, 8]);
    editJson(join(dir, "generation_config.json"), { eos_token_id: 368 });
    expect(modelErrorOf(() => readModelConfig(dir))).toMatch(
      /generation_config\.json.*eos_token_id below.*368/,
    );
  });

  const kRefused: ReadonlyArray<readonly [Json, RegExp]> = [
    [{ model_type: "gpt2" }, /model_type.*llama, qwen2, qwen3, mistral.*gpt2/],
    [{ architectures: ["LlamaForSequenceClassification"] }, /LlamaForCausalLM.*SequenceClassification/],
    [{ hidden_act: "gelu" }, /hidden_act.*gelu/],
    [{ mlp_bias: true }, /mlp_bias/],
    [{ attention_bias: true }, /attention_bias/],
    [{ sliding_window: -128 }, /sliding_window.*128/],
    [{ use_sliding_window: true }, /use_sliding_window/],
    [
      { layer_types: ["full_attention", "sliding_attention", "full_attention"] },
      /sliding_window beside layer_types/,
    ],
    [{ layer_types: ["full_attention"] }, /layer_types/],
    [{ layer_types: Array(3).fill("chunked_attention") }, /layer_types.*chunked/],
    [{ no_rope_layers: [1, 1, 0] }, /no_rope_layers/],
    [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
    [
      { quantization_config: { bits: 4 } },
      /quantization_config.*take the model that they were made of.*bits/,
    ],
    [{ quantization: { group_size: 64, bits: 4 } }, /quantization null.*quantized.*"bits":4/],
    [{ num_local_experts: 8 }, /num_local_experts/],
    [
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      /rope_scaling\.rope_type.*yarn.*take rope_scaling out/,
    ],
    [{ rope_scaling: { type: "dynamic", factor: 4 } }, /dynamic/],
    [{ rope_scaling: { rope_type: "linear" } }, /rope_scaling\.factor/],
    [{ rope_scaling: { ...kNewRope, low_freq_factor: 4 } }, /high_freq_factor above/],
    [{ rope_parameters: { full_attention: kNewRope } }, /rope_parameters.*full_attention/],
    [{ rope_theta: "10000" }, /rope_theta/],
    [{ hidden_size: "64" }, /hidden_size.*number/],
    [{ hidden_size: 64.5 }, /hidden_size/],
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers/],
    [{ num_key_value_heads: 3 }, /num_key_value_heads.*3/],
    [{ head_dim: 15 }, /head_dim.*even.*15/],
    [{ vocab_size: undefined }, /vocab_size/],
    [{ vocab_size: 2 ** 19 + 1 }, /vocab_size/],
    [{ rms_norm_eps: -1 }, /rms_norm_eps/],
    [{ tie_word_embeddings: "yes" }, /tie_word_embeddings/],
    [{ eos_token_id: [1, "2"] }, /eos_token_id/],
  ];

  it.each(kRefused)("refuses %j by the field's name", (changes, message) => {
    const error = modelErrorOf(() => configWith(changes));
    expect(error).toMatch(message);
    expect(error).toContain("config.json");
  });

  it("names a file that is missing or not JSON", () => {
    const dir = emptyFolder();
    expect(modelErrorOf(() => readModelConfig(dir))).toContain("config.json: expected a file, got none");
    writeFileSync(join(dir, "config.json"), '{"hidden_size": 6');
    expect(modelErrorOf(() => readModelConfig(dir))).toContain("config.json");
    writeFileSync(join(dir, "config.json"), "[]");
    expect(modelErrorOf(() => readModelConfig(dir))).toContain("config.json");
  });
});
