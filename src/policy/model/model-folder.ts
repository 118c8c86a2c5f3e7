// The weights of a Hugging Face folder: which tensor lies where, every one the network needs, with its exact shape.
// Headers only; the engine maps the files.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { showValue } from "../../base/check.js";
import type { ModelRole } from "../engine/binding.js";
import { type ModelConfig, readModelConfig } from "./model-config.js";
import { modelError, readModelJson } from "./model-file.js";
import { readSafetensors, type SafetensorsEntry } from "./safetensors.js";
import { type ModelTensor, modelTensors } from "./tensors.js";

/** Types of weights the engine reads. */
export type WeightDtype = "f32" | "bf16" | "f16";

/** A tensor of the network and its place. A vector has one row. */
export interface TensorLocation {
  readonly name: string;
  readonly role: ModelRole;
  /** Absent outside the layers. */
  readonly layer?: number;
  /** Index into the folder's `files`. */
  readonly file: number;
  /** Absolute byte offset in the file. */
  readonly begin: number;
  readonly dtype: WeightDtype;
  readonly rows: number;
  readonly columns: number;
}

export interface ModelFolder {
  readonly config: ModelConfig;
  /** Paths of the safetensors files: the folder's path and a name. */
  readonly files: readonly string[];
  /** In the order of `modelTensors(config)`. */
  readonly tensors: readonly TensorLocation[];
}

/**
 * Reads config.json, generation_config.json and the headers of model.safetensors or of the files that
 * model.safetensors.index.json names.
 * @throws E_MODEL naming file and tensor or field: damaged, missing, of another shape or type, or not part of the model
 */
export function readModelFolder(dir: string): ModelFolder {
  const config = readModelConfig(dir);
  const { names, tensors: found } = locateAll(dir);
  const needed = modelTensors(config);
  const tensors = needed.map((tensor) => toLocation(dir, names, tensor, found.get(tensor.name)));
  const known = new Set(needed.map((tensor) => tensor.name));
  for (const [name, { file }] of found) {
    if (known.has(name) || isHarmless(name, config)) continue;
    const expected = `only tensors of a ${config.architecture} model`;
    throw modelError(dir, names[file] ?? "", expected, `${showValue(name)}, which would have no effect`);
  }
  return { config, files: names.map((name) => join(dir, name)), tensors };
}

/** The engine's name of a safetensors type, or undefined where it has none. */
export function weightDtype(dtype: string): WeightDtype | undefined {
  return kDtypes.get(dtype);
}

// --- internal ---

const kSingle = "model.safetensors";
const kIndex = "model.safetensors.index.json";
const kConvert =
  "convert it once, in Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(FOLDER)";
/** Weights in formats that are not read here, and what makes of them what is. */
const kOtherWeights = [
  [/^pytorch_model.*\.bin$|^tf_model.*\.h5$|^flax_model.*\.msgpack$/, kConvert],
  [/^consolidated.*\.(pth|safetensors)$/, "take the folder that holds them as transformers writes them"],
  [/\.gguf$/, "take the model's safetensors files"],
  [/^model-\d+-of-\d+\.safetensors$/, `download ${kIndex} too, which says where each tensor lies`],
  [/\.safetensors$/, `rename it to ${kSingle} if it holds all weights`],
] as const;
const kDtypes: ReadonlyMap<string, WeightDtype> = new Map([
  ["F32", "f32"],
  ["BF16", "bf16"],
  ["F16", "f16"],
]);

interface Found {
  readonly entry: SafetensorsEntry;
  /** Index into `names`. */
  readonly file: number;
}

interface FoundTensors {
  readonly names: readonly string[];
  readonly tensors: ReadonlyMap<string, Found>;
}

// transformers, too, prefers the single file where a folder has both.
function locateAll(dir: string): FoundTensors {
  if (existsSync(join(dir, kSingle))) {
    const { tensors } = readSafetensors(join(dir, kSingle));
    return {
      names: [kSingle],
      tensors: new Map([...tensors].map(([name, entry]) => [name, { entry, file: 0 }])),
    };
  }
  const index = readModelJson(dir, kIndex, indexSchema);
  if (index === undefined) {
    throw modelError(dir, kSingle, `this file or ${kIndex}`, whatIsThere(dir));
  }
  return locateShards(dir, new Map(Object.entries(index.weight_map)));
}

function whatIsThere(dir: string): string {
  const names = readdirSync(dir).sort();
  for (const [pattern, remedy] of kOtherWeights) {
    const name = names.find((each) => pattern.test(each));
    if (name !== undefined) return `${name} alone; ${remedy}`;
  }
  return "neither; the weights were not downloaded";
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });
// A plain name: no separator, nothing hidden, no way out of the folder.
const kShardName = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.safetensors$/;

function locateShards(dir: string, weightMap: ReadonlyMap<string, string>): FoundTensors {
  const names = [...new Set(weightMap.values())].sort();
  const tensors = new Map<string, Found>();
  names.forEach((name, file) => {
    if (!kShardName.test(name)) {
      throw modelError(dir, kIndex, "weight_map to name .safetensors files of the folder", showValue(name));
    }
    for (const [tensor, entry] of readSafetensors(join(dir, name)).tensors) {
      const said = weightMap.get(tensor);
      if (said !== name) {
        const got = said === undefined ? "nothing" : showValue(said);
        throw modelError(dir, kIndex, `weight_map to say ${name} for ${showValue(tensor)}`, got);
      }
      tensors.set(tensor, { entry, file });
    }
  });
  for (const [tensor, name] of weightMap) {
    if (tensors.has(tensor)) continue;
    throw modelError(dir, name, `tensor ${showValue(tensor)}, as ${kIndex} says`, "none of that name");
  }
  return { names, tensors };
}

function toLocation(
  dir: string,
  names: readonly string[],
  tensor: ModelTensor,
  found: Found | undefined,
): TensorLocation {
  const who = `tensor ${showValue(tensor.name)}`;
  if (found === undefined) {
    const remedy = tensor.role === "head" ? "none (tie_word_embeddings is false)" : "none of that name";
    throw modelError(dir, names.length === 1 ? (names[0] ?? "") : kIndex, who, remedy);
  }
  const { entry, file } = found;
  const name = names[file] ?? "";
  const dtype = weightDtype(entry.dtype);
  if (dtype === undefined) throw modelError(dir, name, `${who} of type F32, BF16 or F16`, entry.dtype);
  if (entry.shape.length !== tensor.shape.length || entry.shape.some((n, i) => n !== tensor.shape[i])) {
    throw modelError(dir, name, `${who} of shape [${tensor.shape}], as config.json says`, `[${entry.shape}]`);
  }
  const { shape: _, ...rest } = tensor;
  return { ...rest, file, begin: entry.begin, dtype };
}

// What transformers ignores as well: the head of a tied model, rotary frequencies that old versions saved.
function isHarmless(name: string, config: ModelConfig): boolean {
  return (config.tie && name === "lm_head.weight") || name.endsWith(".rotary_emb.inv_freq");
}
