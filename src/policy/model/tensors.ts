// The tensors of a model and of an adapter: their names in Hugging Face files, what they are, their shapes.
// The one table; nothing else spells a tensor's name.
import type { ModelRole, Projection } from "../engine/binding.js";
import type { ModelConfig } from "./model-config.js";

/** A weight matrix (rows = outputs, columns = inputs), or a vector with rows 1. */
export interface ModelTensor {
  readonly name: string;
  readonly role: ModelRole;
  /** Absent outside the layers. */
  readonly layer?: number;
  readonly rows: number;
  readonly columns: number;
  /** As written in a file: (rows, columns) or, for a vector, (columns). */
  readonly shape: readonly number[];
}

/** Half of a LoRA pair: A (rank, in) or B (out, rank). */
export interface AdapterTensor {
  readonly name: string;
  readonly layer: number;
  readonly projection: Projection;
  readonly part: "A" | "B";
  readonly rows: number;
  readonly columns: number;
}

/** The seven projections, in the order used everywhere. */
export const projections: readonly Projection[] = ["q", "k", "v", "o", "gate", "up", "down"];

/** Every tensor the engine reads, sorted by name (by UTF-16 code unit), as transformers writes its files. */
export function modelTensors(config: ModelConfig): readonly ModelTensor[] {
  const { hidden, vocabulary } = config;
  const tensors = [
    matrix("model.embed_tokens.weight", "embedding", undefined, vocabulary, hidden),
    vector("model.norm.weight", "finalNorm", undefined, hidden),
  ];
  if (!config.tie) tensors.push(matrix("lm_head.weight", "head", undefined, vocabulary, hidden));
  for (let layer = 0; layer < config.layers; layer++) tensors.push(...layerTensors(config, layer));
  return tensors.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The LoRA pairs on every layer, named as PEFT names them, sorted by name: A then B of a projection.
 * @param targets  in any order; the result does not depend on it
 */
export function adapterTensors(
  config: ModelConfig,
  { rank, targets }: { readonly rank: number; readonly targets: readonly Projection[] },
): readonly AdapterTensor[] {
  const tensors: AdapterTensor[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    for (const projection of new Set(targets)) tensors.push(...adapterPair(config, layer, projection, rank));
  }
  return tensors.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A and B of one projection of one layer. */
export function adapterPair(
  config: ModelConfig,
  layer: number,
  projection: Projection,
  rank: number,
): readonly [AdapterTensor, AdapterTensor] {
  const { rows, columns } = projectionShape(config, projection);
  const stem = `base_model.model.${projectionPath(layer, projection)}`;
  const pair = { layer, projection };
  return [
    { ...pair, name: `${stem}.lora_A.weight`, part: "A", rows: rank, columns },
    { ...pair, name: `${stem}.lora_B.weight`, part: "B", rows, columns: rank },
  ];
}

/** The module of a projection, as in `model.layers.0.self_attn.q_proj`. */
export function projectionPath(layer: number, projection: Projection): string {
  return `model.layers.${layer}.${kModules[projection]}.${projection}_proj`;
}

/** The shape of a projection's weight: rows = outputs, columns = inputs. */
export function projectionShape(
  config: ModelConfig,
  projection: Projection,
): { readonly rows: number; readonly columns: number } {
  const { hidden, intermediate } = config;
  const queries = config.heads * config.headSize;
  const keys = config.kvHeads * config.headSize;
  const [rows, columns] = {
    q: [queries, hidden] as const,
    k: [keys, hidden] as const,
    v: [keys, hidden] as const,
    o: [hidden, queries] as const,
    gate: [intermediate, hidden] as const,
    up: [intermediate, hidden] as const,
    down: [hidden, intermediate] as const,
  }[projection];
  return { rows, columns };
}

// --- internal ---

const kModules: Readonly<Record<Projection, string>> = {
  q: "self_attn",
  k: "self_attn",
  v: "self_attn",
  o: "self_attn",
  gate: "mlp",
  up: "mlp",
  down: "mlp",
};

function layerTensors(config: ModelConfig, layer: number): ModelTensor[] {
  const stem = `model.layers.${layer}`;
  const { hidden, headSize } = config;
  const tensors = [
    vector(`${stem}.input_layernorm.weight`, "attentionNorm", layer, hidden),
    vector(`${stem}.post_attention_layernorm.weight`, "mlpNorm", layer, hidden),
  ];
  for (const projection of projections) {
    const { rows, columns } = projectionShape(config, projection);
    tensors.push(matrix(`${projectionPath(layer, projection)}.weight`, projection, layer, rows, columns));
  }
  if (config.qkvBias) {
    for (const [projection, role] of [
      ["q", "qBias"],
      ["k", "kBias"],
      ["v", "vBias"],
    ] as const) {
      const { rows } = projectionShape(config, projection);
      tensors.push(vector(`${projectionPath(layer, projection)}.bias`, role, layer, rows));
    }
  }
  if (config.qkNorm) {
    tensors.push(vector(`${stem}.self_attn.q_norm.weight`, "qNorm", layer, headSize));
    tensors.push(vector(`${stem}.self_attn.k_norm.weight`, "kNorm", layer, headSize));
  }
  return tensors;
}

function matrix(
  name: string,
  role: ModelRole,
  layer: number | undefined,
  rows: number,
  columns: number,
): ModelTensor {
  return { name, role, ...(layer === undefined ? {} : { layer }), rows, columns, shape: [rows, columns] };
}

function vector(name: string, role: ModelRole, layer: number | undefined, columns: number): ModelTensor {
  return { name, role, ...(layer === undefined ? {} : { layer }), rows: 1, columns, shape: [columns] };
}
