// A fresh adapter or one from a PEFT folder, as the engine takes it and as it is saved again.

import type { NativeAdapter } from "../engine/binding.js";
import type { ModelConfig } from "../model/model-config.js";
import { type AdapterTensor, adapterPair, projectionPath, projections } from "../model/tensors.js";
import type { AdapterPair } from "./adapter-config.js";
import { adapterScale } from "./adapter-config.js";
import { readAdapterFolder } from "./adapter-folder.js";
import { type AdapterOptions, checkAdapterOptions } from "./adapter-options.js";
import type { AdapterDescription } from "./adapter-writer.js";

export interface AdapterLayout {
  /** In the order in which the engine answers: A then B of each pair. */
  readonly tensors: readonly AdapterTensor[];
  /** For saving. */
  readonly description: AdapterDescription;
}

export interface AdapterPlan {
  readonly native: NativeAdapter;
  readonly layout: AdapterLayout;
}

/**
 * @param source  options of a fresh adapter, or the path of a PEFT folder
 * @param nextSeed  for a fresh adapter that names none
 * @throws E_ARGUMENT naming the option; E_MODEL naming the file
 */
export function planAdapter(
  who: string,
  config: ModelConfig,
  source: AdapterOptions | string,
  nextSeed: () => bigint,
): AdapterPlan {
  return typeof source === "string" ? planStored(config, source) : planFresh(who, config, source, nextSeed);
}

// --- internal ---

function planFresh(
  who: string,
  config: ModelConfig,
  options: AdapterOptions,
  nextSeed: () => bigint,
): AdapterPlan {
  const { seed, ...description } = checkAdapterOptions(who, options);
  const { rank, alpha, useRslora, targets } = description;
  const scale = adapterScale(rank, alpha, useRslora);
  const pairs = Array.from({ length: config.layers }, (_, layer) =>
    targets.map((projection): AdapterPair => ({ layer, projection, rank, alpha, scale })),
  ).flat();
  return {
    native: { targets: pairs.map(toTarget), files: [], seed: seed ?? nextSeed() },
    layout: { tensors: tensorsOf(config, pairs), description },
  };
}

function planStored(config: ModelConfig, dir: string): AdapterPlan {
  const { file, targets: pairs, ...own } = readAdapterFolder(dir, config);
  const { rank, alpha } = own;
  const targets = projections.filter((projection) => pairs.some((pair) => pair.projection === projection));
  const isEverywhere = pairs.length === targets.length * config.layers;
  return {
    native: {
      targets: pairs.map((pair) => ({
        ...toTarget(pair),
        a: { file: 0, ...pair.a },
        b: { file: 0, ...pair.b },
      })),
      files: [file],
      seed: 0n,
    },
    layout: {
      tensors: tensorsOf(config, pairs),
      description: {
        ...own,
        targets,
        ...(isEverywhere ? {} : { modules: pairs.map(pathOf) }),
        ...patternOf("rankPattern", pairs, ({ rank: own }) => (own === rank ? undefined : own)),
        ...patternOf("alphaPattern", pairs, ({ alpha: own }) => (own === alpha ? undefined : own)),
      },
    },
  };
}

// What differs, by path; without the field where nothing does, as a fresh adapter's description is.
function patternOf(
  name: "rankPattern" | "alphaPattern",
  pairs: readonly AdapterPair[],
  ownOf: (pair: AdapterPair) => number | undefined,
): Partial<AdapterDescription> {
  const entries = pairs.flatMap((pair) => {
    const own = ownOf(pair);
    return own === undefined ? [] : [[pathOf(pair), own] as const];
  });
  return entries.length === 0 ? {} : { [name]: Object.fromEntries(entries) };
}

function toTarget({ layer, projection, rank, scale }: AdapterPair): NativeAdapter["targets"][number] {
  return { layer, projection: projections.indexOf(projection), rank, scale };
}

function tensorsOf(config: ModelConfig, pairs: readonly AdapterPair[]): AdapterTensor[] {
  return pairs.flatMap(({ layer, projection, rank }) => adapterPair(config, layer, projection, rank));
}

function pathOf({ layer, projection }: AdapterPair): string {
  return projectionPath(layer, projection);
}
