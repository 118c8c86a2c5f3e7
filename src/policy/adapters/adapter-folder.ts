// A PEFT LoRA folder, in: what the engine needs to know of every pair and where its two matrices lie.
// Out: adapter-writer.ts.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { showValue } from "../../base/check.js";
import type { ModelConfig } from "../model/model-config.js";
import { modelError } from "../model/model-file.js";
import { type WeightDtype, weightDtype } from "../model/model-folder.js";
import { readSafetensors, type Safetensors } from "../model/safetensors.js";
import { type AdapterTensor, adapterPair, projections } from "../model/tensors.js";
import {
  type AdapterConfig,
  type AdapterPair,
  adapterConfigFile,
  readAdapterConfig,
} from "./adapter-config.js";

/** One matrix of a pair in the adapter's file. */
export interface AdapterTensorLocation {
  readonly name: string;
  /** Absolute byte offset in the file. */
  readonly begin: number;
  readonly dtype: WeightDtype;
  readonly rows: number;
  readonly columns: number;
}

/** A pair with its matrices: a is A (rank, in), b is B (out, rank). */
export interface AdapterTarget extends AdapterPair {
  readonly a: AdapterTensorLocation;
  readonly b: AdapterTensorLocation;
}

export interface AdapterSource {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  readonly baseModel?: string;
  readonly baseRevision?: string;
  /** Path of adapter_model.safetensors. */
  readonly file: string;
  /** By layer, then in the order of `projections`. */
  readonly targets: readonly AdapterTarget[];
}

/** The weights' name in the folder. */
export const adapterWeightsFile = "adapter_model.safetensors";

/**
 * Reads adapter_config.json and the header of adapter_model.safetensors. Dropout is for training and ignored.
 * @throws E_MODEL naming file and tensor or field: damaged, missing, not fitting the model, or not supported
 */
export function readAdapterFolder(dir: string, model: ModelConfig): AdapterSource {
  const config = readAdapterConfig(dir, model);
  if (!existsSync(join(dir, adapterWeightsFile))) {
    throw modelError(dir, adapterWeightsFile, "a file", "none; other formats must be converted first");
  }
  const file = join(dir, adapterWeightsFile);
  const source = readSafetensors(file);
  const targets = (config.pairs ?? pairsInFile(dir, config, model, source)).map((pair) => {
    const [a, b] = adapterPair(model, pair.layer, pair.projection, pair.rank);
    return { ...pair, a: locate(dir, source, a), b: locate(dir, source, b) };
  });
  const known = new Set(targets.flatMap(({ a, b }) => [a.name, b.name]));
  for (const name of source.tensors.keys()) {
    if (known.has(name)) continue;
    const expected = `only LoRA pairs that ${adapterConfigFile} and the model have`;
    throw modelError(dir, adapterWeightsFile, expected, showValue(name));
  }
  const { pairs: _, pairOf, ...rest } = config;
  return { ...rest, file, targets };
}

// --- internal ---

// Where target_modules is absent, the weights say which projections there are.
function pairsInFile(
  dir: string,
  config: AdapterConfig,
  model: ModelConfig,
  source: Safetensors,
): AdapterPair[] {
  const pairs: AdapterPair[] = [];
  for (let layer = 0; layer < model.layers; layer++) {
    for (const projection of projections) {
      const pair = config.pairOf(layer, projection);
      const names = adapterPair(model, layer, projection, pair.rank).map(({ name }) => name);
      if (names.some((name) => source.tensors.has(name))) pairs.push(pair);
    }
  }
  if (pairs.length > 0) return pairs;
  throw modelError(dir, adapterWeightsFile, "at least one LoRA pair on a projection", "none");
}

function locate(dir: string, source: Safetensors, tensor: AdapterTensor): AdapterTensorLocation {
  const { name, rows, columns } = tensor;
  const fail = (expected: string, got: string): Error => modelError(dir, adapterWeightsFile, expected, got);
  const who = `tensor ${showValue(name)}`;
  const entry = source.tensors.get(name);
  if (entry === undefined) throw fail(`${who}, a target of ${adapterConfigFile}`, "none of that name");
  const dtype = weightDtype(entry.dtype);
  if (dtype === undefined) throw fail(`${who} of type F32, BF16 or F16`, entry.dtype);
  if (entry.shape.length !== 2 || entry.shape[0] !== rows || entry.shape[1] !== columns) {
    throw fail(`${who} of shape [${rows},${columns}], by rank and model`, `[${entry.shape}]`);
  }
  return { name, begin: entry.begin, dtype, rows, columns };
}
