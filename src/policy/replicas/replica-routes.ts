// Which of several engines samples a prompt: where the least is to be done, counting the prompt's tokens that an engine has not computed yet and
// the rows that it runs. So a prompt returns to where its beginning was computed, and fresh ones go where there is room. No result depends on it
// (Law 1), and it need not know exactly what a token memory still holds.

export interface Routes {
  /** Chooses an engine for a prompt and counts its rows as running there, until `leave`. */
  enter(adapter: number, prompt: Int32Array, rows: number): Route;
  /** What was computed under this adapter is of no use any more. */
  forget(adapter: number): void;
}

export interface Route {
  readonly replica: number;
  /** These tokens after the prompt have been computed, too. */
  learn(answer: Int32Array): void;
  leave(): void;
}

/** @param cacheTokens  what each engine keeps of what it has computed, in tokens */
export function createRoutes(replicas: number, cacheTokens: number): Routes {
  const lanes = Array.from({ length: replicas }, (): Lane => ({ rows: 0, blocks: new Set() }));
  const epochs = new Map<number, number>();
  const learn = ({ blocks }: Lane, hashes: readonly number[]): void => {
    for (const hash of hashes) {
      blocks.delete(hash);
      blocks.add(hash);
    }
    for (const oldest of blocks) {
      if (blocks.size <= cacheTokens / kBlock) break;
      blocks.delete(oldest);
    }
  };
  return {
    enter(adapter, prompt, rows) {
      const seed = mix(mix(kSeed, adapter), epochs.get(adapter) ?? 0);
      const hashes = blockHashes(seed, prompt);
      const costs = lanes.map((lane) => prompt.length - knownTokens(lane, hashes) + kRowTokens * lane.rows);
      const replica = costs.indexOf(Math.min(...costs));
      const lane = lanes[replica] ?? { rows: 0, blocks: new Set() };
      learn(lane, hashes);
      lane.rows += rows;
      return {
        replica,
        learn: (answer) => learn(lane, blockHashes(seed, prompt, answer)),
        leave() {
          lane.rows -= rows;
        },
      };
    },
    forget: (adapter) => void epochs.set(adapter, (epochs.get(adapter) ?? 0) + 1),
  };
}

// --- internal ---

interface Lane {
  rows: number;
  /** Hashes of prefixes of whole blocks, the latest used last. */
  readonly blocks: Set<number>;
}

/** Of the engine's token memory. */
const kBlock = 32;
/** A running row weighs as much as this many tokens of a prompt: a guess, to be measured on GPUs. */
const kRowTokens = 32;
const kSeed = 0x811c9dc5;

// Of every prefix of whole blocks, the parts end to end.
function blockHashes(seed: number, ...parts: readonly Int32Array[]): number[] {
  const hashes: number[] = [];
  let hash = seed;
  let length = 0;
  for (const tokens of parts) {
    for (const token of tokens) {
      hash = mix(hash, token);
      if (++length % kBlock === 0) hashes.push(hash);
    }
  }
  return hashes;
}

function knownTokens({ blocks }: Lane, hashes: readonly number[]): number {
  const unknown = hashes.findIndex((hash) => !blocks.has(hash));
  return kBlock * (unknown < 0 ? hashes.length : unknown);
}

// The step of MurmurHash3 (Appleby), 32 bits. A collision sends a prompt where it is new.
function mix(hash: number, value: number): number {
  const k = Math.imul(value, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
