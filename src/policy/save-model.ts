// policy.saveModel: a trained model as a Hugging Face folder. The files around the weights are those it was loaded with.
import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { argumentError } from "../base/check.js";
import { writing } from "../base/disk-error.js";
import { LightningError } from "../base/error.js";
import { fromNative } from "./engine/native-error.js";
import { writeFilesAtomically } from "./model/atomic-file.js";
import { readModelText } from "./model/model-file.js";
import { safetensorsChunks } from "./model/safetensors-writer.js";
import { modelTensors } from "./model/tensors.js";
import type { PolicyParts } from "./policy-parts.js";
import { additionalTemplates, kTemplateFolder } from "./tokenizer/template-files.js";

/** @throws as Policy.saveModel */
export async function saveModel(parts: PolicyParts, dir: string): Promise<void> {
  parts.states.checkOpen(kWho);
  if (typeof dir !== "string" || dir === "") throw argumentError(kWho, "a path", dir);
  const trained = parts.adapters.trainedBase;
  if (trained === undefined)
    throw new LightningError(
      "E_STATE",
      `${kWho}: expected a policy loaded with train: "all", got train: "adapter", whose model is unchanged; use saveAdapter`,
    );
  return parts.states.alone(kWho, async () => {
    await writing(kWho, dir, () => mkdirSync(dir, { recursive: true }));
    if (realpathSync(dir) === realpathSync(parts.dir))
      throw argumentError(kWho, "another folder than the one the model was loaded from", dir);
    const values = await fromNative(kWho, () => parts.engine.parameters(trained.handle, "value"));
    const tensors = modelTensors(parts.config).map(({ name, shape }, i) => {
      const data = values[i] ?? new Float32Array(0);
      return [name, { data, shape }] as const;
    });
    const named = additionalTemplates(parts.dir);
    if (named.length > 0)
      await writing(kWho, dir, () => mkdirSync(join(dir, kTemplateFolder), { recursive: true }));
    const copied = [...kCopied, ...named]
      .filter((name) => existsSync(join(parts.dir, name)))
      .map((name) => [join(dir, name), [readFileSync(join(parts.dir, name))]] as const);
    await writing(kWho, dir, () =>
      writeFilesAtomically([
        [join(dir, "model.safetensors"), safetensorsChunks(new Map(tensors), { format: "pt" })],
        [join(dir, "config.json"), [configOf(parts.dir)]],
        ...copied,
      ]),
    );
  });
}

// --- internal ---

const kWho = "policy.saveModel";
const kCopied = [
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "vocab.json",
  "merges.txt",
];

// The weights are written as float32, and transformers would narrow them to what config.json names.
function configOf(dir: string): string {
  const config: Record<string, unknown> = JSON.parse(readModelText(dir, "config.json") ?? "{}");
  const { torch_dtype: _old, dtype: _new, ...rest } = config;
  return `${JSON.stringify({ ...rest, torch_dtype: "float32" }, undefined, 2)}\n`;
}
