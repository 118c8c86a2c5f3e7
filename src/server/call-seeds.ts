// The seed of each model call: Philox of the rollout's seed and how many times the rollout sent the same prompt before. The sampler adds the prompt's
// hash, the choice and the position (Law 6), so two calls that run at the same time need no order between them unless they are equal.
import { philox4x32 } from "../base/philox.js";

export interface CallSeeds {
  next(promptIds: ArrayLike<number>): bigint;
}

export function createCallSeeds(rolloutSeed: bigint): CallSeeds {
  const sent = new Map<string, number>();
  const bits = new Uint32Array(4);
  return {
    next(promptIds) {
      const key = Array.prototype.join.call(promptIds, ",");
      const before = sent.get(key) ?? 0;
      sent.set(key, before + 1);
      philox4x32(
        [before, 0, 0, 0x63616c6c],
        Number(rolloutSeed & 0xffffffffn),
        Number(rolloutSeed >> 32n),
        bits,
      );
      return (BigInt(bits[1] ?? 0) << 32n) | BigInt(bits[0] ?? 0);
    },
  };
}
