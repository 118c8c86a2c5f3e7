// The seed of each model call: Philox of the rollout's seed and how many times the rollout sent the same prompt before. The sampler adds the prompt's
// hash, the choice and the position (Law 6), so calls that run at the same time need an order only where they are equal: the order they came in,
// whichever is encoded first.
import { philox4x32 } from "../../base/philox.js";

export interface CallSeeds {
  /**
   * To be asked when a call comes in. A prompt that fails takes no seed.
   * @throws what the prompt rejects with
   */
  next(prompt: Promise<{ readonly ids: Int32Array }>): Promise<bigint>;
}

export function createCallSeeds(rolloutSeed: bigint): CallSeeds {
  const sent = new Map<string, number>();
  const bits = new Uint32Array(4);
  const count = ({ buffer, byteOffset, byteLength }: Int32Array): bigint => {
    const key = Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
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
  let last: Turn | undefined;
  return {
    async next(prompt) {
      const before = last;
      const turn: Turn = { isOver: false, waiting: [] };
      last = turn;
      try {
        const { ids } = await prompt;
        await over(before);
        return count(ids);
      } finally {
        // Also of a prompt that failed early: those behind it wait for those before it.
        if (before === undefined || before.isOver) end(turn);
        else before.waiting.push(() => end(turn));
      }
    },
  };
}

// --- internal ---

/** A call's place in the order in which calls came in. */
interface Turn {
  isOver: boolean;
  readonly waiting: (() => void)[];
}

/** Nothing to wait for where it is over, as for most calls. */
function over(turn: Turn | undefined): Promise<void> | undefined {
  if (turn === undefined || turn.isOver) return undefined;
  return new Promise((resolve) => turn.waiting.push(resolve));
}

function end(turn: Turn): void {
  turn.isOver = true;
  for (const wake of turn.waiting) wake();
}
