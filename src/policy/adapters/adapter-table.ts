// Which weights a call names: the adapters of one policy by name, the base model, and their versions. The weights are the engine's.
import { argumentError, showValue } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { nearest } from "../../base/nearest.js";
import type { ModelConfig } from "../model/model-config.js";
import { modelTensors } from "../model/tensors.js";
import type { AdapterLayout } from "./adapter-layout.js";
import { baseName, isPathLike } from "./adapter-name.js";

/** Weights a call may name. */
export interface PolicyWeights {
  readonly name: string;
  /** The engine's; -1 is the base model. */
  readonly handle: number;
  /** Optimizer steps taken. */
  readonly version: number;
}

/** Weights that are trained; names in the order in which the engine answers. */
export interface TrainedWeights extends PolicyWeights {
  readonly parameterNames: readonly string[];
}

export interface AdapterTable {
  /** The default first. */
  names(): readonly string[];
  /** The base model, where it is what is trained. */
  readonly trainedBase: TrainedWeights | undefined;
  /** @param name  default: the first adapter, "base" where there is none. @throws E_ARGUMENT when there is no such adapter */
  resolve(who: string, name?: string): PolicyWeights;
  /** @throws E_ARGUMENT when there is no such adapter, E_STATE when it is not trained */
  trained(who: string, name?: string): TrainedWeights;
  /** @throws E_ARGUMENT when there is no such adapter */
  adapter(who: string, name?: string): Adapter;
  add(adapter: Adapter): void;
  remove(name: string): void;
  setVersion(name: string, version: number): void;
}

/** An adapter and what its files say of it. */
export interface Adapter {
  readonly name: string;
  readonly handle: number;
  readonly layout: AdapterLayout;
}

/** @param trainsAll  the base model is what is trained, and there are no adapters */
export function createAdapterTable(config: ModelConfig, trainsAll: boolean): AdapterTable {
  const adapters = new Map<string, Adapter>();
  const versions = new Map<string, number>();
  const versionOf = (name: string): number => versions.get(name) ?? 0;
  const base = (): PolicyWeights => ({ name: baseName, handle: -1, version: versionOf(baseName) });
  const trainedBase = trainsAll
    ? { ...base(), parameterNames: modelTensors(config).map(({ name }) => name) }
    : undefined;
  const defaultName = (): string => adapters.keys().next().value ?? baseName;
  const find = (who: string, name: string): Adapter => {
    const adapter = adapters.get(name);
    if (adapter !== undefined) return adapter;
    const known = [baseName, ...adapters.keys()].map((each) => JSON.stringify(each));
    throw argumentError(
      who,
      `adapter to be one of ${known.join(", ")}`,
      name,
      remedyFor(name, [...adapters.keys(), baseName]),
    );
  };
  const toWeights = ({ name, handle, layout }: Adapter): TrainedWeights => ({
    name,
    handle,
    version: versionOf(name),
    parameterNames: layout.tensors.map((tensor) => tensor.name),
  });
  return {
    names: () => [...adapters.keys()],
    trainedBase,
    resolve: (who, name = defaultName()) => (name === baseName ? base() : toWeights(find(who, name))),
    trained(who, name = defaultName()) {
      if (name !== baseName) return toWeights(find(who, name));
      if (trainedBase !== undefined) return { ...trainedBase, version: versionOf(baseName) };
      throw new LightningError(
        "E_STATE",
        `${who}: expected an adapter, or a policy loaded with train: "all", got the frozen base model; name an adapter`,
      );
    },
    adapter: (who, name = defaultName()) => find(who, name),
    add(adapter) {
      adapters.set(adapter.name, adapter);
      versions.set(adapter.name, 0);
    },
    remove: (name) => adapters.delete(name),
    setVersion: (name, version) => versions.set(name, version),
  };
}

// --- internal ---

function remedyFor(name: unknown, known: readonly string[]): string | undefined {
  if (typeof name !== "string") return undefined;
  if (isPathLike(name)) return 'a folder is added first, as in policy.addAdapter("mine", "./folder")';
  const near = nearest(name, known, 0.34);
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  return `add it first, as in policy.addAdapter(${showValue(name)})`;
}
