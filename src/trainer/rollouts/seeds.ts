// The seed of a rollout: Philox of (run seed, step, task, sample), and of the mode, so that validation never repeats training's draws (Law 6).
import { philox4x32 } from "../../base/philox.js";
import type { RolloutMode } from "../../types/rollout.js";

export interface RolloutPlace {
  readonly mode: RolloutMode;
  readonly step: number;
  readonly task: number;
  readonly sample: number;
}

export function rolloutSeed(runSeed: bigint, { mode, step, task, sample }: RolloutPlace): bigint {
  const bits = new Uint32Array(4);
  const counter = [step, task, sample, modes[mode]] as const;
  philox4x32([...counter], Number(runSeed & 0xffffffffn), Number((runSeed >> 32n) & 0xffffffffn), bits);
  return (BigInt(bits[1] ?? 0) << 32n) | BigInt(bits[0] ?? 0);
}

// --- internal ---

const modes: Readonly<Record<RolloutMode, number>> = { train: 0, val: 1, test: 2 };
