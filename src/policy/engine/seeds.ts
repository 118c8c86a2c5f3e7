// Seeds of samples and adapters that name none: Philox of (policy seed, how many were drawn before), so that the same calls in the same order after
// the same load draw the same tokens (Law 6). What happens under one seed is the sampler's.
import { argumentError } from "../../base/check.js";
import { philox4x32 } from "../../base/philox.js";

/** What the seeds are for: independent of each other. */
export type SeedUse = "sample" | "adapter";

/** @returns a function that gives the next seed, an unsigned 64-bit integer */
export function createSeeds(policySeed: bigint, use: SeedUse): () => bigint {
  let drawn = 0;
  const bits = new Uint32Array(4);
  return () => {
    philox4x32(
      [drawn % kTwo32, Math.floor(drawn / kTwo32), kUses[use], 0],
      Number(policySeed & kLow),
      Number(policySeed >> 32n),
      bits,
    );
    drawn += 1;
    return (BigInt(bits[1] ?? 0) << 32n) | BigInt(bits[0] ?? 0);
  };
}

/**
 * @returns the seed as an unsigned 64-bit integer
 * @throws E_ARGUMENT unless it is a safe integer or a bigint, from 0 to 2^64 - 1
 */
export function checkSeed(who: string, value: unknown): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "bigint" && BigInt.asUintN(64, value) === value) return value;
  throw argumentError(who, "seed to be an integer from 0 to 2^53 - 1 or a bigint from 0 to 2^64 - 1", value);
}

// --- internal ---

const kUses: Readonly<Record<SeedUse, number>> = { sample: 0, adapter: 1 };
const kTwo32 = 0x100000000;
const kLow = 0xffffffffn;
