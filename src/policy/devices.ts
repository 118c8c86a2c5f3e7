// What this machine can compute on.
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
  /** Why it cannot be used: the one entry that stands for CUDA where there is no GPU, driver or build. */
  readonly unavailable?: string;
}

/** @throws E_NATIVE when this platform has no build of the addon */
export function devices(): readonly Device[] {
  return native().devices();
}
