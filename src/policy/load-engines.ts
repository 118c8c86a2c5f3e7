// The engines of a policy: one on each chosen device, loaded side by side.
import { LightningError } from "../base/error.js";
import { warn } from "../base/warning.js";
import { type NativeEngine, type NativeEngineOptions, native } from "./engine/binding.js";
import type { ChosenDevice } from "./engine/devices.js";
import { fromNative, onDevice } from "./engine/native-error.js";
import type { EnginePlaces } from "./load-options.js";
import type { Lanes, PolicyEngine } from "./policy-parts.js";
import type { Replica } from "./replicas/replica-group.js";
import { createReplicas } from "./replicas.js";

/** What all engines of a policy have in common. */
export type EngineOptions = Omit<NativeEngineOptions, "cuda" | "threads" | "memoryFraction">;

export interface Engines {
  readonly engine: PolicyEngine;
  readonly lanes: Lanes;
  /** Names of their devices: "cpu", "cuda:0,cuda:1". */
  readonly device: string;
}

/**
 * A GPU that was not asked for and does not work is left for the CPU, with a warning.
 * @throws E_MODEL, E_MEMORY, E_DEVICE as the engine, and E_DEVICE when the devices have not one arithmetic; then none is left open
 */
export async function loadEngines(
  who: string,
  options: EngineOptions,
  places: EnginePlaces,
): Promise<Engines> {
  try {
    return await openAll(who, options, places);
  } catch (error) {
    if (places.isAsked || !(error instanceof LightningError) || error.code !== "E_DEVICE") throw error;
    warn("AGL_DEVICE", `${error.message}; it computes on the CPU instead`);
    return await openAll(who, options, { ...places, devices: [{ name: "cpu", kind: "cpu" }] });
  }
}

// --- internal ---

async function openAll(who: string, options: EngineOptions, places: EnginePlaces): Promise<Engines> {
  const opened: NativeEngine[] = [];
  const count = places.devices.length * places.replicas;
  const threads = Math.max(1, Math.floor(places.threads / count));
  const open = async (device: ChosenDevice): Promise<Replica> => {
    const engine = new (native().Engine)({ ...options, threads, ...placeOf(device, places) });
    opened.push(engine);
    try {
      await engine.load();
    } catch (error) {
      throw count === 1 ? error : onDevice(error, device.name);
    }
    return { name: device.name, engine };
  };
  try {
    const loading = places.devices.map((device) => openOn(device, places.replicas, open));
    await Promise.allSettled(loading);
    const replicas = (await fromNative(who, () => Promise.all(loading))).flat();
    return assemble(replicas, options.cacheTokens);
  } catch (error) {
    for (const engine of opened) engine.close();
    throw error;
  }
}

// One after another, since each is planned by the memory that is free.
async function openOn(
  device: ChosenDevice,
  replicas: number,
  open: (device: ChosenDevice) => Promise<Replica>,
): Promise<Replica[]> {
  const opened: Replica[] = [];
  for (let i = 0; i < replicas; i++) opened.push(await open(device));
  return opened;
}

function placeOf(
  { name, kind }: ChosenDevice,
  { memoryFraction }: EnginePlaces,
): Pick<NativeEngineOptions, "cuda" | "memoryFraction"> {
  return kind === "cuda"
    ? { cuda: Number(name.slice("cuda:".length)), memoryFraction: memoryFraction ?? 0.9 }
    : { cuda: -1, memoryFraction: memoryFraction ?? 1 };
}

function assemble([first, ...others]: readonly Replica[], cacheTokens: number): Engines {
  if (first === undefined) throw new LightningError("E_INTERNAL", "loadPolicy: expected a device, got none");
  const device = [first, ...others].map(({ name }) => name).join(",");
  if (others.length === 0) return { engine: first.engine, lanes: [first.engine], device };
  return { ...createReplicas([first, ...others], cacheTokens), device };
}
