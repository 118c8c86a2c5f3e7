// What this machine can compute on.
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { native } from "./binding.js";

export interface Device {
  readonly name: string;
  readonly kind: "cpu" | "cuda";
  /** Of a GPU: what its maker calls it. */
  readonly model?: string;
  /** Widest instruction set, or compute capability as in "sm_90". */
  readonly isa: string;
  /** Multiprocessors of a GPU. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** Why it cannot be used: a GPU that is too old, or the one entry that stands for CUDA where there is no GPU, driver or build. */
  readonly unavailable?: string;
}

/** "auto" is the first GPU that can be used, or else the CPU; "cuda" the first GPU; "cuda:1" the second. */
export type DeviceChoice = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** @throws E_NATIVE when this platform has no build of the addon */
export function devices(): readonly Device[] {
  return native().devices();
}

/**
 * The device that `choice` names among `all`.
 * @throws E_ARGUMENT when it names none of these; E_DEVICE, and why, when a GPU is asked for and cannot be used
 */
export function chooseDevice(
  who: string,
  choice: unknown,
  all: readonly Device[] = devices(),
): Pick<Device, "name" | "kind"> {
  if (choice === "cpu") return kCpu;
  if (choice !== "auto" && !isCudaName(choice))
    throw argumentError(who, 'device to be "auto", "cpu", "cuda" or "cuda:N"', choice);
  const gpus = all.filter(({ kind }) => kind === "cuda");
  const usable = gpus.filter(({ unavailable }) => unavailable === undefined);
  if (choice === "auto") return usable[0] ?? kCpu;
  const found = choice === "cuda" ? usable[0] : usable.find(({ name }) => name === choice);
  if (found !== undefined) return found;
  const named = gpus.find(({ name }) => name === choice) ?? gpus.find(({ unavailable }) => unavailable);
  const got = named?.unavailable ?? `devices ${gpus.map(({ name }) => name).join(", ")} alone`;
  throw new LightningError(
    "E_DEVICE",
    `${who}: expected device "${choice}" to be usable, got: ${got}; load with device: "cpu"`,
  );
}

// --- internal ---

const kCpu = { name: "cpu", kind: "cpu" } as const;

function isCudaName(choice: unknown): choice is string {
  return typeof choice === "string" && /^cuda(:(0|[1-9]\d?))?$/.test(choice);
}
