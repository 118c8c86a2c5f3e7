// policy.addAdapter, removeAdapter and saveAdapter.
import { argumentError, checkText } from "../base/check.js";
import { writingNow } from "../base/disk-error.js";
import { LightningError } from "../base/error.js";
import { checkOptions, type OptionNames } from "../base/options.js";
import { planAdapter } from "./adapters/adapter-layout.js";
import { checkAdapterName } from "./adapters/adapter-name.js";
import type { AdapterOptions } from "./adapters/adapter-options.js";
import { writeAdapterFolder } from "./adapters/adapter-writer.js";
import { requireFolder } from "./adapters/missing-folder.js";
import { fromNative } from "./engine/native-error.js";
import type { Policy } from "./policy.js";
import type { PolicyParts } from "./policy-parts.js";

/** @throws as Policy.addAdapter */
export async function addAdapter(
  parts: PolicyParts,
  name: string,
  source?: AdapterOptions | string,
): Promise<void> {
  const who = "policy.addAdapter";
  const { states, adapters, engine } = parts;
  states.checkOpen(who);
  checkAdapterName(who, name, source === undefined);
  if (adapters.trainedBase !== undefined)
    throw new LightningError(
      "E_STATE",
      `${who}: expected a policy loaded with train: "adapter", got train: "all"`,
    );
  if (typeof source === "string") requireFolder(who, "adapter", source);
  const plan = planAdapter(who, parts.config, source === undefined ? {} : source, parts.nextAdapterSeed);
  return states.alone(who, async () => {
    if (adapters.names().includes(name)) throw argumentError(who, "a name that is free", name);
    const handle = await fromNative(who, () => engine.addAdapter(plan.native));
    adapters.add({ name, handle, layout: plan.layout });
  });
}

/** @throws as Policy.removeAdapter */
export async function removeAdapter(parts: PolicyParts, name: string): Promise<void> {
  const who = "policy.removeAdapter";
  return parts.states.last(who, async () => {
    if (typeof name !== "string") throw argumentError(who, "a name", name);
    const { handle } = parts.adapters.adapter(who, name);
    await fromNative(who, () => parts.engine.removeAdapter(handle));
    parts.adapters.remove(name);
  });
}

/** @throws as Policy.saveAdapter */
export async function saveAdapter(
  parts: PolicyParts,
  dir: string,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const who = "policy.saveAdapter";
  parts.states.checkOpen(who);
  checkText(who, "a path", dir, 'as in policy.saveAdapter("./adapter")');
  checkOptions(who, options, kSaveNames);
  if (options.baseModel !== undefined) checkText(who, "baseModel to be a name or a path", options.baseModel);
  if (parts.adapters.trainedBase !== undefined)
    throw new LightningError(
      "E_STATE",
      `${who}: expected a policy loaded with train: "adapter", got train: "all"; use saveModel`,
    );
  return parts.states.alone(who, async () => {
    const { handle, layout } = parts.adapters.adapter(who, options.name);
    const values = await fromNative(who, () => parts.engine.parameters(handle, "value"));
    const tensors = layout.tensors.map(({ name, rows, columns }, i) => {
      const data = values[i] ?? new Float32Array(0);
      return [name, { data, shape: [rows, columns] }] as const;
    });
    const description =
      options.baseModel === undefined
        ? { baseModel: parts.baseModel, ...layout.description }
        : { ...layout.description, baseModel: options.baseModel, baseRevision: undefined };
    writingNow(who, dir, () => writeAdapterFolder(dir, description, new Map(tensors)));
  });
}

// --- internal ---

type SaveAdapterOptions = NonNullable<Parameters<Policy["saveAdapter"]>[1]>;
const kSaveNames: OptionNames<SaveAdapterOptions> = {
  name: ["adapter", "adapter_name"],
  baseModel: ["base_model", "base_model_name_or_path", "base"],
};
