// adapter_config.json of PEFT: which projections have a LoRA pair, of which rank and scale. Not the weights:
// adapter-folder.ts. LoRA: Hu et al. 2021, arXiv:2106.09685; rank-stabilised scale: Kalajdzievski 2023, arXiv:2312.03732.
import { z } from "zod";
import { showValue } from "../../base/check.js";
import type { Projection } from "../engine/binding.js";
import type { ModelConfig } from "../model/model-config.js";
import { modelError, readModelJson } from "../model/model-file.js";
import { showJson } from "../model/show-json.js";
import { projectionPath, projections } from "../model/tensors.js";
import { modulePattern } from "./module-pattern.js";

/** What is true of the whole adapter; single projections may differ (`AdapterPair`). */
export interface AdapterConfig {
  readonly rank: number;
  readonly alpha: number;
  /** The scale is alpha / sqrt(rank), not alpha / rank. */
  readonly useRslora: boolean;
  /** The base model's name and its revision, as whoever made the adapter wrote them. */
  readonly baseModel?: string;
  readonly baseRevision?: string;
  /** By layer, then in the order of `projections`; undefined when the file leaves it to the weights. */
  readonly pairs: readonly AdapterPair[] | undefined;
  /** The pair of a projection, whether it is a target or not. */
  readonly pairOf: (layer: number, projection: Projection) => AdapterPair;
}

/** y += scale B (A x) on one projection of one layer. */
export interface AdapterPair {
  readonly layer: number;
  readonly projection: Projection;
  readonly rank: number;
  readonly alpha: number;
  readonly scale: number;
}

/** The file's name in the folder. */
export const adapterConfigFile = "adapter_config.json";

/** alpha / rank, or alpha / sqrt(rank) when rank-stabilised. */
export function adapterScale(rank: number, alpha: number, useRslora: boolean): number {
  return alpha / (useRslora ? Math.sqrt(rank) : rank);
}

/**
 * @throws E_MODEL naming file and field when it is missing, damaged, or asks for what is not supported
 */
export function readAdapterConfig(dir: string, model: ModelConfig): AdapterConfig {
  const raw = readModelJson(dir, adapterConfigFile, schema);
  if (raw === undefined) throw modelError(dir, adapterConfigFile, "a file", "none");
  const fail: Refusal = (expected, got) => modelError(dir, adapterConfigFile, expected, got);
  for (const [field, accepted, expected] of kUnsupported) {
    if (!accepted(raw[field])) throw fail(`${field} ${expected}`, showJson(raw[field]));
  }
  const rank = raw.r ?? kDefaultRank;
  const alpha = raw.lora_alpha ?? kDefaultRank;
  const useRslora = raw.use_rslora ?? false;
  const ranks = patternTable("rank_pattern", raw.rank_pattern ?? {}, fail);
  const alphas = patternTable("alpha_pattern", raw.alpha_pattern ?? {}, fail);
  const pairOf = (layer: number, projection: Projection): AdapterPair => {
    const path = projectionPath(layer, projection);
    const ownRank = ranks(path) ?? rank;
    const ownAlpha = alphas(path) ?? alpha;
    const scale = adapterScale(ownRank, ownAlpha, useRslora);
    return { layer, projection, rank: ownRank, alpha: ownAlpha, scale };
  };
  const targets = targetsOf(raw, model, fail);
  const pairs = targets?.map(([layer, projection]) => pairOf(layer, projection));
  const { base_model_name_or_path: baseModel, revision } = raw;
  return {
    ...{ rank, alpha, useRslora, pairs, pairOf },
    ...(baseModel ? { baseModel, ...(revision ? { baseRevision: revision } : {}) } : {}),
  };
}

// --- internal ---

type Refusal = (expected: string, got: string) => Error;
type Target = readonly [layer: number, projection: Projection];

// PEFT's default of both r and lora_alpha.
const kDefaultRank = 8;

const rankSchema = z
  .int()
  .min(1)
  .max(2 ** 20);
const alphaSchema = z.number().min(-1e9).max(1e9);
const layers = z
  .int()
  .min(0)
  .max(2 ** 20);
const flag = z.boolean().nullish();
const modules = z.union([z.string(), z.array(z.string())]).nullish();

const schema = z.looseObject({
  base_model_name_or_path: z.string().nullish(),
  revision: z.string().nullish(),
  r: rankSchema.nullish(),
  lora_alpha: alphaSchema.nullish(),
  use_rslora: flag,
  rank_pattern: z.record(z.string(), rankSchema).nullish(),
  alpha_pattern: z.record(z.string(), alphaSchema).nullish(),
  target_modules: modules,
  exclude_modules: modules,
  layers_to_transform: z.union([layers, z.array(layers)]).nullish(),
});

type RawConfig = z.infer<typeof schema>;

const isNothing = (value: unknown): boolean => value === undefined || value === null || value === false;
const isEmpty = (value: unknown): boolean =>
  isNothing(value) || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
const kHarmlessInits: readonly unknown[] = [true, "gaussian", "orthogonal", "eva"];

// [field, whether its value is supported, what is]
const kUnsupported: ReadonlyArray<
  readonly [field: string, accepts: (value: unknown) => boolean, expected: string]
> = [
  ["peft_type", (v) => v === "LORA", '"LORA" (other adapters are not supported)'],
  ["use_dora", isNothing, "false (DoRA is not supported)"],
  ["use_qalora", isNothing, "false (QALoRA is not supported)"],
  ["use_bdlora", isNothing, "null (block-diagonal LoRA is not supported)"],
  ["bias", (v) => isNothing(v) || v === "none", '"none" (trained biases are not supported)'],
  ["lora_bias", isNothing, "false (biases of LoRA are not supported)"],
  ["fan_in_fan_out", isNothing, "false (transposed weights are not supported)"],
  ["modules_to_save", isEmpty, "null (modules trained whole are not supported)"],
  ["layer_replication", isEmpty, "null (repeated layers are not supported)"],
  [
    "layers_pattern",
    (v) => isEmpty(v) || String(v) === "layers",
    "null (other layer lists are not supported)",
  ],
  ["target_parameters", isEmpty, "null (adapters on parameters are not supported)"],
  ["trainable_token_indices", isEmpty, "null (trained tokens are not supported)"],
  ["alora_invocation_tokens", isEmpty, "null (activated LoRA is not supported)"],
  ["arrow_config", isEmpty, "null (Arrow is not supported)"],
  ["kasa_config", isEmpty, "null (KaSA is not supported)"],
  ["monteclora_config", isEmpty, "null (MonteCLoRA is not supported)"],
  ["velora_config", isEmpty, "null (VeLoRA is not supported)"],
  ["loftq_config", isEmpty, "{} (LoftQ changes the base weights)"],
  ["megatron_config", isEmpty, "null (Megatron is not supported)"],
  [
    "init_lora_weights",
    (v) => isNothing(v) || kHarmlessInits.includes(v),
    "true (an initialisation that changes the base weights is not supported)",
  ],
];

// The value of the first pattern that matches a module, in the order of the file.
function patternTable(
  field: string,
  table: Readonly<Record<string, number>>,
  fail: Refusal,
): (path: string) => number | undefined {
  const rows = Object.entries(table).map(([pattern, value]) => {
    const expression = modulePattern(`(?:.*\\.)?(?:${pattern})`, pattern);
    if (expression === undefined) throw fail(`${field} to hold simple patterns`, showValue(pattern));
    return { expression, value };
  });
  return (path) => rows.find(({ expression }) => expression.test(path))?.value;
}

// Undefined where the weights decide: without targets, with exclusions from them, and for a pattern beyond the simple ones, as unsloth writes.
function targetsOf(raw: RawConfig, model: ModelConfig, fail: Refusal): Target[] | undefined {
  const targets = raw.target_modules;
  if (targets === undefined || targets === null || !isEmpty(raw.exclude_modules)) return undefined;
  const isTarget = Array.isArray(targets) ? listRule(targets, raw, model, fail) : textRule(targets);
  if (isTarget === undefined) return undefined;
  const found: Target[] = [];
  for (let layer = 0; layer < model.layers; layer++) {
    for (const projection of projections) {
      if (isTarget(layer, projectionPath(layer, projection))) found.push([layer, projection]);
    }
  }
  if (found.length === 0) throw fail("target_modules to name a projection of the model", showJson(targets));
  return found;
}

type TargetRule = (layer: number, path: string) => boolean;

// PEFT: a module is a target when its whole path, or the end of it after a dot, is in the list.
function listRule(targets: readonly string[], raw: RawConfig, model: ModelConfig, fail: Refusal): TargetRule {
  const outside = targets.find((target) => /(^|\.)(lm_head|embed_tokens)$/.test(target));
  if (outside !== undefined) throw fail("target_modules within the layers", showValue(outside));
  const chosen = [raw.layers_to_transform ?? []].flat();
  const beyond = chosen.find((layer) => layer >= model.layers);
  if (beyond !== undefined) throw fail(`layers_to_transform below ${model.layers}`, String(beyond));
  return (layer, path) => {
    if (targets.includes(path)) return true;
    const isChosen = chosen.length === 0 || chosen.includes(layer);
    return isChosen && targets.some((target) => path.endsWith(`.${target}`));
  };
}

// PEFT: "all-linear", or a pattern that the whole path must match.
function textRule(targets: string): TargetRule | undefined {
  if (targets === "all-linear") return () => true;
  const expression = modulePattern(targets, targets);
  return expression && ((_, path) => expression.test(path));
}
