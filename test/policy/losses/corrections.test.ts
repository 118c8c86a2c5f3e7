// Corrections and masks that have no recorded values: each beside a slow version written from its paper's equation, and one example by hand.
import { describe, expect, it } from "vitest";
import { checkLoss } from "../../../src/policy/losses/check-loss.js";
import type { CorrectionOptions } from "../../../src/policy/losses/correction.js";
import { losses } from "../../../src/policy/losses/index.js";
import type { TokenNumbers } from "../../../src/policy/losses/policy-loss.js";
import { createUpdate, type FullUpdate } from "./update.js";

type Coefficient = (u: FullUpdate, t: number, sequence: readonly number[]) => number;

const weight = (u: FullUpdate, t: number) => Math.exp(u.oldLogprobs[t]! - u.sampledLogprobs[t]!);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const slow: Readonly<Record<string, readonly [CorrectionOptions, Coefficient]>> = {
  // DeepSeek-V3.2, arXiv:2512.02556: M = 0 where A < 0 and (1/n) sum log(pi_sampled / pi_now) > delta.
  "off-policy sequence mask": [
    { offPolicyMask: { threshold: 0.05 } },
    (u, t, sequence) => {
      const moved = mean(sequence.map((j) => u.sampledLogprobs[j]! - u.logprobs[j]!));
      return u.advantages[t]! < 0 && moved > 0.05 ? 0 : 1;
    },
  ],
  // arXiv:2506.01939: tokens of the highest entropies of the whole update, ceil(share N) of them.
  "top entropy quantile": [
    { entropyShare: 0.4 },
    (u, t) => {
      const counted = [...u.mask.keys()].filter((j) => u.mask[j] === 1);
      const sorted = counted.map((j) => u.entropies[j]!).toSorted((a, b) => b - a);
      return u.entropies[t]! >= sorted[Math.ceil(0.4 * counted.length) - 1]! ? 1 : 0;
    },
  ],
  // arXiv:2510.18855: w inside [min, max], 0 outside.
  icepop: [
    { correction: { kind: "icepop", min: 0.8, max: 1.25 } },
    (u, t) => (weight(u, t) < 0.8 || weight(u, t) > 1.25 ? 0 : weight(u, t)),
  ],
  "sequence mask": [
    { correction: { kind: "sequence-mask", min: 0.9, max: 1.1 } },
    (u, _t, sequence) => {
      const product = sequence.reduce((w, j) => w * weight(u, j), 1) ** (1 / sequence.length);
      return product < 0.9 || product > 1.1 ? 0 : 1;
    },
  ],
};

describe.each(Object.entries(slow))("%s", (_, [options, coefficient]) => {
  it("multiplies each token's surrogate by what its equation says, and leaves the denominator alone", () => {
    const seen = new Set<number>();
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const u = apart(createUpdate(seed));
      const counted = [...u.mask.keys()].filter((t) => u.mask[t] === 1);
      const c = (t: number) => coefficient(u, t, sequenceOf(u, t));
      for (const t of counted) seen.add(Math.sign(c(t)));
      const result = losses.reinforce({ ...options, aggregate: { by: "token" } }).evaluate(u);
      const expected = counted.reduce(
        (sum, t) => sum - (c(t) * u.advantages[t]! * u.logprobs[t]!) / counted.length,
        0,
      );
      expect(Math.abs(result.loss - expected) < 1e-12 * Math.max(1, Math.abs(expected))).toBe(true);
      for (const t of u.mask.keys()) {
        const d = u.mask[t] === 1 ? (-c(t) * u.advantages[t]!) / counted.length : 0;
        expect(Math.abs(result.dLogprobs[t]! - d) < 1e-12).toBe(true);
      }
      expect(result.metrics.correctionDropped).toBe(
        counted.filter((t) => c(t) === 0).length / counted.length,
      );
    }
    // Tokens on both sides of the bound, else nothing was compared.
    expect(seen).toEqual(new Set([0, 1]));
  });

  it("has derivatives that are central differences", () => {
    for (const seed of [1, 2]) {
      const loss = losses.reinforce({ ...options, aggregate: { by: "sequence-mean" } });
      expect(checkLoss(loss, apart(createUpdate(seed))).compared).toBeGreaterThan(20);
    }
  });
});

describe("by hand", () => {
  // Two sequences of two tokens. Sampled less now: 0.2 and 0.6, mean 0.4; 0.1 and 0.3, mean 0.2.
  const two: TokenNumbers = {
    offsets: Int32Array.of(0, 2, 4),
    logprobs: Float64Array.of(-1, -2, -1, -2),
    sampledLogprobs: Float64Array.of(-0.8, -1.4, -0.9, -1.7),
    oldLogprobs: Float64Array.of(-1, -2, -1, -2),
    mask: Float64Array.of(1, 1, 1, 1),
    weights: Float64Array.of(1, 1, 1, 1),
    entropies: Float64Array.of(0.5, 2, 2, 1),
    advantages: Float64Array.of(-1, -1, -1, 1),
  };
  const gradient = (options: CorrectionOptions) =>
    [...losses.reinforce({ ...options, aggregate: { by: "sum" } }).evaluate(two).dLogprobs].map((d) => d + 0);

  it("the off-policy mask at 0.3 drops the first sequence, which fell by 0.4 a token, and keeps the second", () => {
    expect(gradient({ offPolicyMask: { threshold: 0.3 } })).toEqual([0, 0, 1, -1]);
  });

  it("the off-policy mask at 0.1 drops what is bad in both, and keeps the good token", () => {
    expect(gradient({ offPolicyMask: { threshold: 0.1 } })).toEqual([0, 0, 0, -1]);
  });

  it("half of the entropies keeps the two of 2, wherever they stand", () => {
    expect(gradient({ entropyShare: 0.5 })).toEqual([0, 1, 1, 0]);
  });

  it("a quarter of them keeps the earlier of equals", () => {
    expect(gradient({ entropyShare: 0.25 })).toEqual([0, 1, 0, 0]);
  });
});

/** Far enough from what sampled that every bound is met, and no sequence near one. */
function apart(u: FullUpdate): FullUpdate {
  return { ...u, sampledLogprobs: u.logprobs.map((x, t) => x + [0.5, -0.35, 0.2, 0.4, -0.1][t % 5]!) };
}

function sequenceOf(u: FullUpdate, t: number): number[] {
  const s = u.offsets.findIndex((end, i) => i > 0 && t < end) - 1;
  return [...u.mask.keys()].filter((j) => j >= u.offsets[s]! && j < u.offsets[s + 1]! && u.mask[j] === 1);
}
