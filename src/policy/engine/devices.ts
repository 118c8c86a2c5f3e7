// What this machine can compute on.
import { argumentError } from "../../base/check.js";
import { LightningError } from "../../base/error.js";
import { native } from "./binding.js";
import { cudaLibraryFile } from "./native-package.js";

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

/** "cuda" is the first GPU that can be used, "cuda:1" the second of the machine. */
export type DeviceName = "cpu" | "cuda" | `cuda:${number}`;

/** "auto" is one device: the first GPU that can be used, or else the CPU; "all" is every GPU that can be used; a list is these devices. */
export type DeviceChoice = "auto" | "all" | DeviceName | readonly DeviceName[];

export type ChosenDevice = Pick<Device, "name" | "kind">;

/** @throws E_NATIVE when this platform has no build of the addon */
export function devices(): readonly Device[] {
  const addon = native();
  const cuda = cudaLibraryFile();
  if (cuda !== undefined) addon.offerCudaLibrary(cuda);
  return addon.devices();
}

/**
 * The devices that `choice` names among `all`, in its order.
 * @throws E_ARGUMENT when it names none of these, one twice, or the CPU beside a GPU; E_DEVICE, and why, when a GPU is asked for and cannot be used
 */
export function chooseDevices(
  who: string,
  choice: unknown,
  all: readonly Device[] = devices(),
): readonly [ChosenDevice, ...ChosenDevice[]] {
  const usable = all.filter(({ kind, unavailable }) => kind === "cuda" && unavailable === undefined);
  const [first, ...others] = usable;
  if (choice === "auto") return [first ?? kCpu];
  if (choice === "all") return first === undefined ? refuse(who, choice, all) : [first, ...others];
  if (!Array.isArray(choice)) return [chooseOne(who, choice, all, usable)];
  const names = choice.map((each: unknown) => chooseOne(who, each, all, usable));
  const [named, ...more] = names;
  if (named === undefined) throw argumentError(who, "device to name at least one", choice);
  if (new Set(names.map(({ name }) => name)).size < names.length)
    throw argumentError(who, "device to name each once", choice);
  if (new Set(names.map(({ kind }) => kind)).size > 1)
    throw argumentError(who, "device to name GPUs or the CPU, not both", choice);
  return [named, ...more];
}

// --- internal ---

const kCpu = { name: "cpu", kind: "cpu" } as const;

function chooseOne(
  who: string,
  choice: unknown,
  all: readonly Device[],
  usable: readonly Device[],
): ChosenDevice {
  if (choice === "cpu") return kCpu;
  if (!isCudaName(choice))
    throw argumentError(
      who,
      'device to be "auto", "all", "cpu", "cuda", "cuda:N" or a list of names',
      choice,
      typeof choice === "string" && /gpu|nvidia|cuda/i.test(choice) ? 'the first GPU is "cuda"' : undefined,
    );
  const found = choice === "cuda" ? usable[0] : usable.find(({ name }) => name === choice);
  return found ?? refuse(who, choice, all);
}

function refuse(who: string, choice: string, all: readonly Device[]): never {
  const gpus = all.filter(({ kind }) => kind === "cuda");
  const named = gpus.find(({ name }) => name === choice) ?? gpus.find(({ unavailable }) => unavailable);
  const got = named?.unavailable ?? `devices ${gpus.map(({ name }) => name).join(", ")} alone`;
  throw new LightningError(
    "E_DEVICE",
    `${who}: expected device "${choice}" to be usable, got: ${got}; load with device: "cpu"`,
  );
}

function isCudaName(choice: unknown): choice is string {
  return typeof choice === "string" && /^cuda(:(0|[1-9]\d?))?$/.test(choice);
}
