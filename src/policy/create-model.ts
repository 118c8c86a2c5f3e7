// Writes a Hugging Face folder with random weights: for tests, benchmarks and models trained from nothing.
// Matrices are normal with deviation 0.02 (as transformers initialises), norms one, biases zero.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { argumentError, checkBoolean, checkInteger, checkOneOf, checkText } from "../base/check.js";
import { writingNow } from "../base/disk-error.js";
import { fillNormal } from "../base/normal.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import type { Architecture } from "./model/architecture.js";
import { writeFileAtomically } from "./model/atomic-file.js";
import { kMaxVocabulary, type ModelConfig } from "./model/model-config.js";
import { planSafetensors } from "./model/safetensors-writer.js";
import { type ModelTensor, modelTensors } from "./model/tensors.js";
import { kTemplateFolder } from "./tokenizer/template-files.js";
import {
  readTokenizerFiles,
  type TokenizerFiles,
  type TokenizerSource,
} from "./tokenizer/tokenizer-files.js";

export interface NewModel {
  readonly architecture: "llama" | "qwen2" | "qwen3";
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  /** A divisor of heads. */
  readonly kvHeads: number;
  /** Even. */
  readonly headSize: number;
  readonly intermediate: number;
  /** At least as many as the tokenizer has ids. */
  readonly vocabulary: number;
  /** The head is the embedding. */
  readonly tie: boolean;
  /** A folder with tokenizer.json, or the files' content. */
  readonly tokenizer: TokenizerSource;
}

export interface CreateModelOptions {
  /** An integer from 0 to 2^53 - 1; the same seed gives the same bytes. */
  readonly seed: number;
  /** Type of the weights on disk; default "f32". "bf16" rounds the same numbers to nearest even. */
  readonly dtype?: "f32" | "bf16";
  /** Replace a model that the folder holds; default false. */
  readonly overwrite?: boolean;
}

/**
 * Writes config.json, generation_config.json, model.safetensors and the tokenizer's files. config.json comes last, so a
 * folder that was left half written is not a model. Takes about 60 ns for each weight and little memory.
 * @throws E_ARGUMENT when a size does not fit the others, or the folder holds a model already; E_MODEL when the
 *   tokenizer's files are damaged
 */
export function createModel(dir: string, model: NewModel, options: CreateModelOptions): void {
  checkText(kWho, "the path of the folder to write", dir);
  checkOptions(`${kWho}: model`, model, kModelNames, kInOptions);
  checkOptions(kWho, options, kOptionNames, kInModel);
  const dtype = checkOneOf(kWho, "dtype", options.dtype ?? "f32", ["f32", "bf16"]);
  checkInteger(kWho, "seed", options.seed, { min: 0 });
  checkBoolean(kWho, "overwrite", options.overwrite);
  checkShape(model);
  const tokenizer = readTokenizerFiles(kWho, model.tokenizer);
  const vocabularyRange = { min: tokenizer.size, max: kMaxVocabulary };
  checkInteger(kWho, "vocabulary (the tokenizer's ids must fit)", model.vocabulary, vocabularyRange);
  const configFile = join(dir, "config.json");
  if (existsSync(configFile) && options.overwrite !== true) {
    throw argumentError(kWho, `a folder without a model, or overwrite: true, at ${dir}`, "config.json in it");
  }
  writingNow(kWho, dir, () => {
    mkdirSync(dir, { recursive: true });
    for (const name of kReplaced) rmSync(join(dir, name), { force: true, recursive: true });
    writeWeights(join(dir, "model.safetensors"), toConfig(model, tokenizer), dtype, options.seed);
    for (const [name, text] of tokenizer.files) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileAtomically(join(dir, name), [text]);
    }
    writeJson(join(dir, "generation_config.json"), generationJson(tokenizer));
    writeJson(configFile, configJson(model, tokenizer, dtype));
  });
}

// --- internal ---

const kWho = "createModel";
// Beside each name, that of config.json.
const kModelNames: OptionNames<NewModel> = {
  architecture: ["model_type", "architectures", "type"],
  hidden: ["hidden_size", "n_embd", "dim", "d_model", "width"],
  layers: ["num_hidden_layers", "n_layer", "depth"],
  heads: ["num_attention_heads", "n_head", "attentionHeads"],
  kvHeads: ["num_key_value_heads", "n_kv_head"],
  headSize: ["head_dim", "head_size"],
  intermediate: ["intermediate_size", "ffn", "mlp"],
  vocabulary: ["vocab_size", "vocab"],
  tie: ["tie_word_embeddings", "tied"],
  tokenizer: ["tokenizer_path"],
};
const kOptionNames: OptionNames<CreateModelOptions> = {
  seed: ["random_state", "random_seed"],
  dtype: ["torch_dtype", "compute", "precision"],
  overwrite: ["force", "replace"],
};
const kInOptions = {
  seed: "give it in the third argument, as in createModel(dir, model, { seed })",
  dtype: "give it in the third argument, as in createModel(dir, model, { seed, dtype })",
};
const kInModel = {
  tokenizer: "give it in the second argument, as in createModel(dir, { tokenizer }, { seed })",
};
const kDeviation = 0.02;
const kMaxPositions = 32_768;
const kChunk = 1 << 20;
// What a model that stood here before would leave behind; config.json first.
const kReplaced = [
  "config.json",
  "model.safetensors.index.json",
  "chat_template.jinja",
  "tokenizer_config.json",
  "special_tokens_map.json",
  kTemplateFolder,
] as const;
const kClassNames = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
} as const satisfies Partial<Record<Architecture, string>>;

function checkShape(model: NewModel): void {
  checkOneOf(kWho, "architecture", model.architecture, ["llama", "qwen2", "qwen3"]);
  const range = { min: 1, max: 2 ** 24 };
  for (const name of ["hidden", "heads", "kvHeads", "headSize", "intermediate"] as const) {
    checkInteger(kWho, name, model[name], range);
  }
  checkInteger(kWho, "layers", model.layers, { min: 1, max: 1000 });
  if (typeof model.tie !== "boolean") throw argumentError(kWho, "tie to be true or false", model.tie);
  if (model.headSize % 2 !== 0) throw argumentError(kWho, "an even headSize", model.headSize);
  if (model.heads % model.kvHeads !== 0) {
    throw argumentError(kWho, `kvHeads that divide heads (${model.heads})`, model.kvHeads);
  }
}

function ropeTheta(model: NewModel): number {
  return model.architecture === "llama" ? 10_000 : 1_000_000;
}

function normEps(model: NewModel): number {
  return model.architecture === "llama" ? 1e-5 : 1e-6;
}

function toConfig(model: NewModel, tokenizer: TokenizerFiles): ModelConfig {
  const { tokenizer: _, ...shape } = model;
  return {
    ...shape,
    normEps: normEps(model),
    maxPositions: kMaxPositions,
    rope: { kind: "default", theta: ropeTheta(model) },
    qkvBias: model.architecture === "qwen2",
    qkNorm: model.architecture === "qwen3",
    eosTokenIds: tokenizer.eosTokenId === undefined ? [] : [tokenizer.eosTokenId],
  };
}

function configJson(model: NewModel, tokenizer: TokenizerFiles, dtype: "f32" | "bf16"): object {
  const isQwen = model.architecture !== "llama";
  return {
    architectures: [kClassNames[model.architecture]],
    ...(model.architecture === "qwen2" ? {} : { attention_bias: false }),
    attention_dropout: 0,
    bos_token_id: tokenizer.bosTokenId ?? null,
    dtype: dtype === "f32" ? "float32" : "bfloat16",
    eos_token_id: tokenizer.eosTokenId ?? null,
    head_dim: model.headSize,
    hidden_act: "silu",
    hidden_size: model.hidden,
    initializer_range: kDeviation,
    intermediate_size: model.intermediate,
    ...(isQwen ? { layer_types: Array(model.layers).fill("full_attention") } : { mlp_bias: false }),
    max_position_embeddings: kMaxPositions,
    ...(isQwen ? { max_window_layers: model.layers } : {}),
    model_type: model.architecture,
    num_attention_heads: model.heads,
    num_hidden_layers: model.layers,
    num_key_value_heads: model.kvHeads,
    pad_token_id: null,
    rms_norm_eps: normEps(model),
    rope_parameters: { rope_theta: ropeTheta(model), rope_type: "default" },
    ...(isQwen ? { sliding_window: null, use_sliding_window: false } : {}),
    tie_word_embeddings: model.tie,
    use_cache: true,
    vocab_size: model.vocabulary,
  };
}

function generationJson({ bosTokenId, eosTokenId }: TokenizerFiles): object {
  return {
    ...(bosTokenId === undefined ? {} : { bos_token_id: bosTokenId }),
    ...(eosTokenId === undefined ? {} : { eos_token_id: eosTokenId }),
  };
}

function writeJson(file: string, value: object): void {
  writeFileAtomically(file, [`${JSON.stringify(value, undefined, 2)}\n`]);
}

function writeWeights(file: string, config: ModelConfig, dtype: "f32" | "bf16", seed: number): void {
  const tensors = modelTensors(config);
  const stored = dtype === "f32" ? "F32" : "BF16";
  const planned = tensors.map(({ name, shape }) => ({ name, shape, dtype: stored }) as const);
  const { header, order } = planSafetensors(planned, { format: "pt" });
  const streams = new Map(tensors.map((tensor, stream) => [tensor.name, { tensor, stream }]));
  function* chunks(): Generator<Uint8Array> {
    yield header;
    for (const { name } of order) {
      const found = streams.get(name);
      if (found === undefined) continue;
      for (const values of randomTensor(found.tensor, { seed, stream: found.stream })) {
        yield dtype === "f32" ? asBytes(values) : asBytes(roundToBf16(values));
      }
    }
  }
  writeFileAtomically(file, chunks());
}

// The elements in row order, in pieces that share one buffer.
function* randomTensor(
  { role, rows, columns }: ModelTensor,
  source: { readonly seed: number; readonly stream: number },
): Generator<Float32Array> {
  const total = rows * columns;
  const buffer = new Float32Array(Math.min(kChunk, total));
  for (let offset = 0; offset < total; offset += kChunk) {
    const piece = buffer.subarray(0, Math.min(kChunk, total - offset));
    if (role.endsWith("Norm")) piece.fill(1);
    else if (role.endsWith("Bias")) piece.fill(0);
    else fillNormal(piece, kDeviation, source, offset);
    yield piece;
  }
}

function asBytes(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

// Nearest, ties to even; the values are finite.
function roundToBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] ?? 0;
    rounded[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return rounded;
}
