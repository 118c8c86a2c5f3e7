// A PEFT LoRA folder, out: loads in PEFT, vLLM, SGLang and llama.cpp. In: adapter-folder.ts.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Projection } from "../engine/binding.js";
import { stageFile, writeFileAtomically } from "../model/atomic-file.js";
import { safetensorsChunks, type WritableTensor } from "../model/safetensors-writer.js";
import { adapterConfigFile } from "./adapter-config.js";
import { adapterWeightsFile } from "./adapter-folder.js";

export interface AdapterDescription {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  /** The projections with a pair: on every layer, unless `modules` says where. */
  readonly targets: readonly Projection[];
  /** Paths of the modules with a pair, for an adapter on some layers only. */
  readonly modules?: readonly string[];
  /** Name or path of the base model for adapter_config.json. */
  readonly baseModel?: string;
  /** Of that model, where it is not the newest. */
  readonly baseRevision?: string;
  /** Ranks and alphas that differ, by module path or the end of one. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

/**
 * Writes adapter_config.json, adapter_model.safetensors (float32) and, where there is none, README.md.
 * Killed at any moment it leaves the old adapter, the new one, or a folder that every reader refuses because one of
 * the two files is missing; never a mixture, and no file cut short.
 * @param tensors  by the names of `adapterTensors`; data in row order
 * @throws E_ARGUMENT when data does not fit its shape, the file system's error otherwise; either way nothing is lost
 *   unless the new weights were complete already
 */
export function writeAdapterFolder(
  dir: string,
  adapter: AdapterDescription,
  tensors: ReadonlyMap<string, WritableTensor>,
): void {
  const chunks = safetensorsChunks(tensors, { format: "pt" });
  mkdirSync(dir, { recursive: true });
  const configFile = join(dir, adapterConfigFile);
  const text = `${JSON.stringify(toPeftConfig(adapter), undefined, 2)}\n`;
  const isSame = existsSync(configFile) && readFileSync(configFile, "utf8") === text;
  const config = stageFile(configFile, [text]);
  try {
    const weights = stageFile(join(dir, adapterWeightsFile), chunks);
    try {
      // New weights must never lie beside an old config of another rank or scale.
      if (!isSame) rmSync(configFile, { force: true });
      weights.commit();
      config.commit();
    } finally {
      weights.discard();
    }
  } finally {
    config.discard();
  }
  const readme = join(dir, "README.md");
  if (!existsSync(readme)) writeFileAtomically(readme, [renderReadme(adapter)]);
}

// --- internal ---

// The version of PEFT whose fields these are.
const kPeftVersion = "0.21.0";

// Every field PEFT writes for plain LoRA, sorted as it sorts them.
function toPeftConfig(adapter: AdapterDescription): Record<string, unknown> {
  return {
    alora_invocation_tokens: null,
    alpha_pattern: adapter.alphaPattern ?? {},
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: adapter.baseModel ?? null,
    bias: "none",
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: adapter.alpha,
    lora_bias: false,
    lora_dropout: 0,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: "megatron.core",
    modules_to_save: null,
    peft_type: "LORA",
    peft_version: kPeftVersion,
    qalora_group_size: 16,
    r: adapter.rank,
    rank_pattern: adapter.rankPattern ?? {},
    revision: adapter.baseRevision ?? null,
    target_modules: adapter.modules ?? adapter.targets.map((projection) => `${projection}_proj`),
    target_parameters: null,
    task_type: "CAUSAL_LM",
    trainable_token_indices: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: adapter.useRslora,
  };
}

function renderReadme({ rank, alpha, targets, baseModel }: AdapterDescription): string {
  const base = baseModel === undefined ? "" : `base_model: ${JSON.stringify(baseModel)}\n`;
  return `---
${base}library_name: peft
---

A LoRA adapter (rank ${rank}, alpha ${alpha}, on ${targets.join(", ")}), trained with agentlightning.
`;
}
