// What this machine can compute on.
import { native } from "./binding.js";

export interface Device {
  readonly name: string;
  readonly kind: "cpu" | "cuda";
  /** Widest instruction set, or compute capability. */
  readonly isa: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

/** @throws E_NATIVE when this platform has no build of the addon */
export function devices(): readonly Device[] {
  return native().devices();
}
