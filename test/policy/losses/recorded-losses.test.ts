// Every policy loss against values and derivatives that another implementation computed with automatic differentiation from the papers' formulas
// (test/fixtures/rl/losses.json), and against a slow version of each, written here from its equation.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Aggregate } from "../../../src/policy/losses/aggregate.js";
import { checkLoss } from "../../../src/policy/losses/check-loss.js";
import { losses } from "../../../src/policy/losses/index.js";
import type { PolicyLoss, TokenNumbers } from "../../../src/policy/losses/policy-loss.js";
import { createUpdate, type FullUpdate } from "./update.js";

interface Recorded {
  readonly kind: string;
  readonly options: Readonly<Record<string, number>>;
  readonly aggregate: string;
  readonly length?: number;
  readonly rollouts: readonly number[];
  readonly groups: readonly number[];
  readonly sequences: readonly Readonly<Record<string, readonly number[]>>[];
  readonly loss: number;
  readonly dLogprobs: readonly number[];
  /** null: all 0. */
  readonly dEntropies: readonly number[] | null;
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/rl/losses.json"), "utf8"),
);

describe("losses", () => {
  it.each(recorded.map((one, i) => [`${i} ${one.kind}`, one] as const))(
    "agree with the recorded value and derivatives to 1e-9: %s",
    (_, one) => {
      const tokens = toTokens(one);
      const { loss, dLogprobs, dEntropies } = toLoss(one).evaluate(tokens);
      expect(distance([loss], [one.loss])).toBeLessThan(1e-9);
      expect(distance(dLogprobs, one.dLogprobs)).toBeLessThan(1e-9);
      expect(distance(dEntropies ?? [], one.dEntropies ?? dLogprobs.map(() => 0))).toBeLessThan(1e-9);
    },
  );

  it("have the values of their equations", () => {
    for (const [name, loss, written] of slow) {
      for (const seed of [1, 2, 3]) {
        const u = withFarAdvantages(createUpdate(seed));
        const counted = [...u.mask.keys()].filter((t) => u.mask[t] === 1);
        const expected = counted.reduce((sum, t) => sum + written(u, t, sequenceOf(u, t)), 0);
        const { loss: value } = loss({ aggregate: { by: "sum" } }).evaluate(u);
        expect(Math.abs(value - expected), name).toBeLessThan(1e-12 * Math.max(1, Math.abs(expected)));
      }
    }
  });

  it("whose factors are not stopped have derivatives that are central differences", () => {
    for (const loss of [
      losses.sapo({ aggregate: { by: "token" } }),
      losses.gmpo({ bound: 0.2 }),
      losses.dppo({ low: 0.05, high: 0.05 }),
      losses.reinforce({ kl: { kind: "k3", coefficient: 0.2 }, entropy: { coefficient: 0.1 } }),
      losses.importanceSampling(),
      losses.ppoClip({ correction: { kind: "tis", cap: 1.01 }, offPolicyMask: { threshold: -1 } }),
      losses.ppoClip({ correction: { kind: "icepop", min: 0.9, max: 1.4 } }),
    ]) {
      expect(checkLoss(loss, createUpdate(4)).compared).toBeGreaterThan(20);
    }
  });

  it("of tokens have one gradient where nothing has moved, whatever the correction", () => {
    const u = createUpdate(5);
    const still = { ...u, oldLogprobs: u.logprobs, sampledLogprobs: u.logprobs };
    const by = { aggregate: { by: "token" } } as const;
    const expected = losses.ppoClip(by).evaluate(still).dLogprobs;
    for (const make of [
      losses.cispo,
      losses.dppo,
      losses.reinforce,
      losses.importanceSampling,
      losses.gspo,
    ]) {
      expect(make(by).evaluate(still).dLogprobs).toEqual(expected);
      for (const kind of ["tis", "icepop", "sequence-mask"] as const)
        expect(make({ ...by, correction: { kind } }).evaluate(still).dLogprobs).toEqual(expected);
    }
  });

  it("leave out the tokens of a sequence that fell away and was bad, and no others", () => {
    const u = createUpdate(6);
    const far = { ...u, sampledLogprobs: u.logprobs.map((x) => x + 0.6) };
    const { dLogprobs, metrics } = losses
      .reinforce({ offPolicyMask: { threshold: 0.5 }, aggregate: { by: "sum" } })
      .evaluate(far);
    const expected = u.advantages.map((a, t) => (u.mask[t] === 1 && a > 0 ? -a : 0));
    expect(Array.from(dLogprobs)).toEqual(Array.from(expected));
    const counted = u.mask.reduce((n, m) => n + m, 0);
    const bad = u.advantages.filter((a, t) => u.mask[t] === 1 && a < 0).length;
    expect(metrics.correctionDropped).toBe(bad / counted);
  });

  it.each([
    [() => losses.gspo({ low: -1 }), "losses.gspo", "low"],
    [() => losses.cispo({ max: 0 }), "losses.cispo", "max above 0"],
    [() => losses.sapo({ tauNegative: 0 }), "losses.sapo", "tauNegative above 0"],
    [() => losses.gmpo({ bound: 0 }), "losses.gmpo", "bound above 0"],
    [() => losses.dppo({ high: 2 }), "losses.dppo", "high"],
    [() => losses.reinforce({ correction: { kind: "tis", cap: 0 } }), "losses.reinforce", "correction.cap"],
    [
      () => losses.reinforce({ correction: { kind: "icepop", min: 3, max: 2 } }),
      "losses.reinforce",
      "correction.min below correction.max",
    ],
    [() => losses.reinforce({ correction: { kind: "is" } as never }), "losses.reinforce", "correction.kind"],
    [
      () => losses.reinforce({ correction: "tis" as never }),
      "losses.reinforce",
      "correction to be an object",
    ],
    [() => losses.ppoClip({ entropyShare: 0 }), "losses.ppoClip", "entropyShare above 0"],
    [() => losses.ppoClip({ offPolicyMask: {} as never }), "losses.ppoClip", "offPolicyMask.threshold"],
    [() => losses.importanceSampling({ low: 1 } as never), "losses.importanceSampling", "low"],
  ])("refuse an option by name (%#)", (make, who, what) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(make).toThrow(who);
    expect(make).toThrow(what);
  });

  it("that read what tokens were sampled with say so before a pass", () => {
    expect(losses.dppo().reads).toContain("sampledLogprobs");
    expect(losses.ppoClip({ correction: { kind: "tis" } }).reads).toContain("sampledLogprobs");
    expect(losses.ppoClip({ entropyShare: 0.2 }).reads).toContain("entropies");
    expect(losses.ppoClip().reads).toEqual(["mask", "advantages"]);
  });
});

type Slow = (u: FullUpdate, t: number, sequence: readonly number[]) => number;
const rho = (u: FullUpdate, t: number) => Math.exp(u.logprobs[t]! - u.oldLogprobs[t]!);
const toSampled = (u: FullUpdate, t: number) => Math.exp(u.logprobs[t]!) / Math.exp(u.sampledLogprobs[t]!);
const clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

const slow: readonly (readonly [string, (options: { aggregate: Aggregate }) => PolicyLoss, Slow])[] = [
  [
    "gspo",
    (options) => losses.gspo({ ...options, low: 0.03, high: 0.04 }),
    (u, t, sequence) => {
      const s = sequence.reduce((product, j) => product * rho(u, j), 1) ** (1 / sequence.length);
      return -Math.min(s * u.advantages[t]!, clip(s, 0.97, 1.04) * u.advantages[t]!);
    },
  ],
  [
    "cispo",
    (options) => losses.cispo({ ...options, max: 1.3 }),
    (u, t) => -Math.min(rho(u, t), 1.3) * u.advantages[t]! * u.logprobs[t]!,
  ],
  [
    "sapo",
    (options) => losses.sapo({ ...options, tauPositive: 2, tauNegative: 3 }),
    (u, t) => {
      const tau = u.advantages[t]! > 0 ? 2 : 3;
      return ((-4 / tau) * u.advantages[t]!) / (1 + Math.exp(-tau * (rho(u, t) - 1)));
    },
  ],
  [
    "gmpo",
    (options) => losses.gmpo({ ...options, bound: 0.3 }),
    (u, t, sequence) => {
      const held = (j: number) =>
        u.advantages[j]! > 0 ? Math.min(rho(u, j), Math.exp(0.3)) : Math.max(rho(u, j), Math.exp(-0.3));
      return (
        -u.advantages[t]! * sequence.reduce((product, j) => product * held(j), 1) ** (1 / sequence.length)
      );
    },
  ],
  [
    "dppo",
    (options) => losses.dppo({ ...options, low: 0.02, high: 0.02 }),
    (u, t) => {
      const moved = Math.exp(u.logprobs[t]!) - Math.exp(u.sampledLogprobs[t]!);
      const a = u.advantages[t]!;
      return (a > 0 && moved > 0.02) || (a < 0 && -moved > 0.02) ? 0 : -toSampled(u, t) * a;
    },
  ],
  ["reinforce", losses.reinforce, (u, t) => -u.advantages[t]! * u.logprobs[t]!],
  ["importanceSampling", losses.importanceSampling, (u, t) => -toSampled(u, t) * u.advantages[t]!],
  [
    "tis",
    (options) => losses.reinforce({ ...options, correction: { kind: "tis", cap: 1.1 } }),
    (u, t) => -Math.min(weight(u, t), 1.1) * u.advantages[t]! * u.logprobs[t]!,
  ],
  [
    "entropy share",
    (options) => losses.reinforce({ ...options, entropyShare: 0.3 }),
    (u, t) => {
      const counted = [...u.mask.keys()].filter((j) => u.mask[j] === 1);
      const above = counted.filter((j) => u.entropies[j]! > u.entropies[t]!).length;
      return above < Math.ceil(0.3 * counted.length) ? -u.advantages[t]! * u.logprobs[t]! : 0;
    },
  ],
];

const weight = (u: FullUpdate, t: number) => Math.exp(u.oldLogprobs[t]! - u.sampledLogprobs[t]!);

/** Sampled both ways from the policy, so that every bound is met. */
function withFarAdvantages(u: FullUpdate): FullUpdate {
  return { ...u, sampledLogprobs: u.logprobs.map((x, t) => x + (t % 3 === 0 ? -0.5 : 0.2)) };
}

function sequenceOf(u: FullUpdate, t: number): number[] {
  const s = u.offsets.findIndex((end, i) => i > 0 && t < end) - 1;
  return [...u.mask.keys()].filter((j) => j >= u.offsets[s]! && j < u.offsets[s + 1]! && u.mask[j] === 1);
}

function toTokens(one: Recorded): TokenNumbers {
  const ends = one.sequences.map((_, s) =>
    one.sequences.slice(0, s + 1).reduce((n, q) => n + q.mask!.length, 0),
  );
  const lay = (field: string) => Float64Array.from(one.sequences.flatMap((sequence) => sequence[field]!));
  const mask = lay("mask");
  return {
    offsets: Int32Array.of(0, ...ends),
    logprobs: lay("logprobs"),
    mask,
    weights: mask,
    entropies: lay("entropies"),
    advantages: lay("advantages"),
    oldLogprobs: lay("oldLogprobs"),
    sampledLogprobs: lay("sampledLogprobs"),
    refLogprobs: lay("refLogprobs"),
    rollouts: Int32Array.from(one.rollouts),
    groups: Int32Array.from(one.groups),
  };
}

function toLoss({ kind, options, aggregate: by, length }: Recorded): PolicyLoss {
  const aggregate = { by, ...(length === undefined ? {} : { length }) } as Aggregate;
  const { klK3, entropy, cap, min, max, ...own } = options;
  const [surrogate, correction] = kind.split("+");
  const all = {
    ...own,
    aggregate,
    ...(klK3 === undefined ? {} : { kl: { kind: "k3", coefficient: klK3 } as const }),
    ...(entropy === undefined ? {} : { entropy: { coefficient: entropy } }),
    ...(surrogate === "cispo" ? { max: max! } : {}),
    ...(correction === "tis" ? { correction: { kind: correction, cap: cap! } as const } : {}),
    ...(correction === "icepop" || correction === "sequence-mask"
      ? { correction: { kind: correction, min: min!, max: max! } as const }
      : {}),
  };
  const makers: Readonly<Record<string, (options: typeof all) => PolicyLoss>> = {
    "ppo-clip": losses.ppoClip,
    gspo: losses.gspo,
    cispo: losses.cispo,
    sapo: losses.sapo,
    gmpo: losses.gmpo,
    dppo: losses.dppo,
    reinforce: losses.reinforce,
    importance: losses.importanceSampling,
  };
  return makers[surrogate!]!(all);
}

/** Largest difference; infinite where lengths differ or a number is NaN. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  const differences = Array.from(a, (x, i) => Math.abs(x - b[i]!));
  return differences.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(0, ...differences);
}
