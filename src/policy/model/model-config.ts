// What a Hugging Face config.json says about the network, checked and in one spelling. Not the weights: model-folder.ts.
// What the engine would compute differently from transformers is refused by name here.
import { z } from "zod";
import { type Architecture, architectureSchema, readArchitecture } from "./architecture.js";
import { modelError, readModelJson } from "./model-file.js";
import { type RopeConfig, ropeConfig } from "./rope-config.js";
import { showJson } from "./show-json.js";
import { slidingWindow } from "./sliding-window.js";

/** The shape of a decoder-only transformer. Sizes are counts of numbers, tokens or layers. */
export interface ModelConfig {
  readonly architecture: Architecture;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly intermediate: number;
  readonly vocabulary: number;
  /** The head is the embedding. */
  readonly tie: boolean;
  readonly normEps: number;
  readonly maxPositions: number;
  /** How many positions a token attends to, itself included, where that is fewer than all: longer sequences are not computed. */
  readonly window?: number;
  readonly rope: RopeConfig;
  /** Biases on q, k and v (never on o). */
  readonly qkvBias: boolean;
  /** RMS norms over each head of q and k, before the rotation. */
  readonly qkNorm: boolean;
  /** From config.json, then from generation_config.json, without repeats; a policy's also has the tokenizer's own. May be empty. */
  readonly eosTokenIds: readonly number[];
  readonly bosTokenId?: number;
}

/** A draw adds up as many weights of at most 2^44 steps in 64 bits (native/ops/draw/draw.h). */
export const kMaxVocabulary = 2 ** 19;

/**
 * Reads config.json and, if there is one, generation_config.json.
 * @throws E_MODEL naming file and field when one is missing, damaged, or asks for what is not supported
 */
export function readModelConfig(dir: string): ModelConfig {
  const fail: Refusal = (expected, got) => modelError(dir, kFile, expected, got);
  const named = readModelJson(dir, kFile, architectureSchema);
  if (named === undefined) throw fail("a file", "none");
  const architecture = readArchitecture(named, fail);
  const raw = readModelJson(dir, kFile, configSchema);
  if (raw === undefined) throw fail("a file", "none");
  for (const [field, accepts, expected] of kUnsupported) {
    if (!accepts(raw[field], raw)) throw fail(`${field} ${expected}`, showJson(raw[field]));
  }
  const window = slidingWindow(raw, fail);
  const config = {
    architecture,
    ...shapeOf(raw, architecture, fail),
    tie: raw.tie_word_embeddings ?? false,
    normEps: raw.rms_norm_eps ?? 1e-6,
    maxPositions: raw.max_position_embeddings,
    ...(window === undefined || window >= raw.max_position_embeddings ? {} : { window }),
    rope: ropeConfig(raw, fail),
    qkvBias: architecture === "qwen2",
    qkNorm: architecture === "qwen3",
  };
  return { ...config, ...specialTokensOf(dir, raw, config.vocabulary) };
}

// --- internal ---

type Refusal = (expected: string, got: string) => Error;

const kFile = "config.json";
const kGenerationFile = "generation_config.json";

// Bounds far above any model, so that a damaged number is refused before anything of its size is built.
const size = z
  .int()
  .min(1)
  .max(2 ** 24);
const tokenId = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const tokenIds = z.union([tokenId, z.array(tokenId)]).nullish();
const flag = z.boolean().nullish();

const configSchema = architectureSchema.extend({
  hidden_size: size,
  num_hidden_layers: z.int().min(1).max(1000),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  intermediate_size: size,
  vocab_size: z.int().min(1).max(kMaxVocabulary),
  tie_word_embeddings: flag,
  rms_norm_eps: z.number().positive().max(1).nullish(),
  max_position_embeddings: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  eos_token_id: tokenIds,
  bos_token_id: tokenId.nullish(),
  attention_bias: flag,
  mlp_bias: flag,
  use_sliding_window: flag,
});

const generationSchema = z.looseObject({ eos_token_id: tokenIds });

type RawConfig = z.infer<typeof configSchema>;

const kNotQuantized =
  "null (quantized weights are not supported; take the model that they were made of, in 16 or 32 bits)";
const isNothing = (value: unknown): boolean => value === undefined || value === null || value === false;
const isNothingOrOne = (value: unknown): boolean => isNothing(value) || value === 1;

// [field, whether its value is supported, what is]
const kUnsupported: ReadonlyArray<
  readonly [field: string, accepts: (value: unknown, raw: RawConfig) => boolean, expected: string]
> = [
  ["hidden_act", (v) => isNothing(v) || v === "silu", '"silu" (other activations are not supported)'],
  ["mlp_bias", isNothing, "false (biases in the MLP are not supported)"],
  // Qwen2 has q, k and v biases whatever this field says.
  [
    "attention_bias",
    (v, raw) => isNothing(v) || raw.model_type === "qwen2",
    "false (a bias on o is not supported)",
  ],
  ["no_rope_layers", hasRotationEverywhere, "to keep rotary positions in every layer"],
  ["no_rope_layer_interval", isNothing, "null (layers without rotary positions are not supported)"],
  ["partial_rotary_factor", isNothingOrOne, "1 (partial rotation is not supported)"],
  ["quantization_config", isNothing, kNotQuantized],
  // As MLX writes it.
  ["quantization", isNothing, kNotQuantized],
  ["num_experts", isNothing, "null (mixtures of experts are not supported)"],
  ["num_local_experts", isNothing, "null (mixtures of experts are not supported)"],
  ["n_routed_experts", isNothing, "null (mixtures of experts are not supported)"],
];

// In no_rope_layers a 1 marks a layer with rotation, a 0 one without.
function hasRotationEverywhere(value: unknown): boolean {
  return isNothing(value) || (Array.isArray(value) && value.every((layer) => layer === 1));
}

type Shape = Pick<
  ModelConfig,
  "hidden" | "layers" | "heads" | "kvHeads" | "headSize" | "intermediate" | "vocabulary"
>;

function shapeOf(raw: RawConfig, architecture: Architecture, fail: Refusal): Shape {
  const hidden = raw.hidden_size;
  const heads = raw.num_attention_heads;
  const kvHeads = raw.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0) {
    throw fail(`num_key_value_heads to divide num_attention_heads (${heads})`, String(kvHeads));
  }
  // transformers: 128 where a Qwen3 config does not say, else hidden / heads.
  const fallback = architecture === "qwen3" ? 128 : hidden / heads;
  const headSize = raw.head_dim ?? fallback;
  if (!Number.isInteger(headSize)) {
    throw fail(`head_dim, or num_attention_heads (${heads}) to divide hidden_size`, String(hidden));
  }
  if (headSize % 2 !== 0) throw fail("head_dim to be even", String(headSize));
  const { num_hidden_layers: layers, intermediate_size: intermediate, vocab_size: vocabulary } = raw;
  return { hidden, layers, heads, kvHeads, headSize, intermediate, vocabulary };
}

function specialTokensOf(
  dir: string,
  raw: RawConfig,
  vocabulary: number,
): Pick<ModelConfig, "eosTokenIds" | "bosTokenId"> {
  const generation = readModelJson(dir, kGenerationFile, generationSchema);
  const check = (file: string, field: string, id: number): number => {
    if (id < vocabulary) return id;
    throw modelError(dir, file, `${field} below vocab_size ${vocabulary}`, String(id));
  };
  const ids = (file: string, value: z.infer<typeof tokenIds>): number[] =>
    [value ?? []].flat().map((id) => check(file, "eos_token_id", id));
  const eosTokenIds = [...ids(kFile, raw.eos_token_id), ...ids(kGenerationFile, generation?.eos_token_id)];
  const bos = raw.bos_token_id ?? undefined;
  return {
    eosTokenIds: [...new Set(eosTokenIds)],
    ...(bos === undefined ? {} : { bosTokenId: check(kFile, "bos_token_id", bos) }),
  };
}
