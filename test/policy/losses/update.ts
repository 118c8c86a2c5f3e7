// An update for the tests of losses: four sequences, one of them empty, log ratios far from every clip edge, unsampled tokens.
import type { TokenNumbers } from "../../../src/policy/losses/policy-loss.js";

export type FullUpdate = { readonly [K in keyof TokenNumbers]-?: NonNullable<TokenNumbers[K]> };

const logRatios = [-0.4, -0.03, 0.06, 0.35, 1.3];

export function createUpdate(seed = 1): FullUpdate {
  const random = createRandom(seed);
  const offsets = Int32Array.of(0, 7, 7, 12, 23);
  const draw = (number: (t: number) => number) => Float64Array.from({ length: 23 }, (_, t) => number(t));
  const logprobs = draw(() => -4 * random() - 0.1);
  return {
    offsets,
    logprobs,
    mask: draw((t) => (t === 0 || random() < 0.7 ? 1 : 0)),
    weights: draw(() => random() - 0.4),
    entropies: draw(() => 3 * random()),
    advantages: draw(() => (random() < 0.5 ? -1 : 1) * (0.3 + random())),
    oldLogprobs: draw((t) => logprobs[t]! - logRatios[t % 5]!),
    sampledLogprobs: draw((t) => logprobs[t]! + 0.1 * random()),
    refLogprobs: draw((t) => logprobs[t]! + 3 * random() - 1.5),
    rollouts: Int32Array.of(1, 0, 2, 1),
    groups: Int32Array.of(0, 0, 1, 1),
  };
}

/** mulberry32: uniform in [0, 1). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** STYLE 27: NaN is far from everything. */
export function isNear(a: number, b: number, atol: number, rtol: number): boolean {
  return Math.abs(a - b) <= atol + rtol * Math.abs(b);
}
