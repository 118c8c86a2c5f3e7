// The seed of each model call: Philox of the rollout's seed and how many times the rollout sent the same prompt before. The sampler adds the prompt's
// hash, the choice and the position (Law 6), so calls that run at the same time need an order only where they are equal: the order they came in,
// whichever is encoded first.
import { philox4x32 } from "../../base/philox.js";

export interface CallSeeds {
  /**
   * To be asked when a call comes in. A prompt that fails takes no seed.
   * @throws what the prompt rejects with
   */
  next(promptIds: Promise<ArrayLike<number>>): Promise<bigint>;
}

export function createCallSeeds(rolloutSeed: bigint): CallSeeds {
  const sent = new Map<string, number>();
  const bits = new Uint32Array(4);
  const count = (promptIds: ArrayLike<number>): bigint => {
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
  };
  let earlier: Promise<unknown> = Promise.resolve();
  return {
    next(promptIds) {
      const before = earlier;
      const seed = promptIds.then(async (ids) => {
        await before;
        return count(ids);
      });
      earlier = Promise.allSettled([before, seed]);
      return seed;
    },
  };
}
