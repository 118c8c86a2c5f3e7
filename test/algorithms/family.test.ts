// What each of the family hands to a policy: its advantages by hand and by a slow version of the paper's equation, its loss, and how tokens share it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Algorithm } from "../../src/algorithms/algorithm.js";
import { grpo } from "../../src/algorithms/grpo.js";
import { algorithms } from "../../src/algorithms/index.js";
import { toLossInputs } from "../../src/policy/losses/loss-inputs.js";
import type { PolicyLoss } from "../../src/policy/losses/policy-loss.js";
import { notingPolicy, writtenGroup, writtenRow } from "./written-rows.js";

/** A row of `tokens` that were sampled. */
const rowOf = (id: string, tokens: number) => ({
  ...writtenRow(id),
  tokens: Array<number>(tokens + 2).fill(1),
  mask: [0, ...Array<number>(tokens).fill(1)],
  sampledLogprobs: Array<number>(tokens + 1).fill(-0.5),
});
const groupOf = (task: number, rewards: readonly number[], tokens: readonly number[] = []) =>
  writtenGroup(task, rewards, (id, sample) => [rowOf(id, tokens[sample] ?? 2)]);

/** What the one pass of an update was given. */
async function passOf(algorithm: Algorithm, groups: readonly ReturnType<typeof groupOf>[]) {
  const { policy, asked } = notingPolicy();
  await algorithm.update({ policy, adapter: "default", step: 0, groups });
  return asked.passes[0];
}
const advantagesOf = async (algorithm: Algorithm, ...groups: readonly ReturnType<typeof groupOf>[]) =>
  (await passOf(algorithm, groups))?.sequences.map(({ advantages }) => advantages as number) ?? [];
function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of found.entries())
    expect(!(Math.abs(value - (expected[i] ?? Number.NaN)) <= 1e-9)).toBe(false);
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const options = { groupSize: 2, lr: 1e-3 };

describe("advantages by hand", () => {
  it.each<[string, Algorithm, readonly number[], readonly number[]]>([
    ["drGrpo: r - mean", algorithms.drGrpo(options), [0, 1, 2, 5], [-2, -1, 0, 3]],
    ["rloo: r - mean of the others", algorithms.rloo(options), [0, 1, 2, 5], [-8 / 3, -4 / 3, 0, 4]],
    ["dppo: r - mean", algorithms.dppo(options), [0, 1, 2, 5], [-2, -1, 0, 3]],
    [
      "opo: baseline by length, (1*4 + 0*2 + 0*2 + 1*2) / 10",
      algorithms.opo(options),
      [1, 0, 0, 1],
      [0.4, -0.6, -0.6, 0.4],
    ],
    [
      "maxRl: one right of four is worth 3",
      algorithms.maxRl(options),
      [0, 0, 1, 0],
      [-1, -1, 3, -1].map((a) => a / 4 / (0.25 + 1e-6)),
    ],
    [
      "passAtK: best alone, (4 - 2) / std",
      algorithms.passAtK(options),
      [0, 2, 4, 2],
      [0, 0, 2 / (Math.sqrt(8 / 3) + 1e-6), 0],
    ],
    ["gpg: r - mean where all groups live", algorithms.gpg(options), [0, 1, 2, 5], [-2, -1, 0, 3]],
  ])("%s", async (_, algorithm, rewards, expected) => {
    expectClose(await advantagesOf(algorithm, groupOf(0, rewards, [4, 2, 2, 2])), expected);
  });

  it("gpg makes up for dead groups that are counted: six rollouts, four of which say something", async () => {
    const groups = [groupOf(0, [0, 1]), groupOf(1, [1, 1]), groupOf(2, [3, 1])];
    expectClose(
      await advantagesOf(algorithms.gpg({ ...options, dead: "count" }), ...groups),
      [-0.75, 0.75, 1.5, -1.5],
    );
    expectClose(await advantagesOf(algorithms.gpg(options), ...groups), [-0.5, 0.5, 1, -1]);
  });

  it("reinforcePlusPlus whitens over tokens: mean 0 and variance 1, each rollout as often as it has tokens", async () => {
    const [a = 0, b = 0, c = 0] = await advantagesOf(
      algorithms.reinforcePlusPlus(options),
      groupOf(0, [0, 1, 4], [1, 2, 1]),
    );
    expectClose(
      [a + 2 * b + c, (a * a + 2 * b * b + c * c) / 3, (c - b) / (b - a)],
      [0, 1 / (1 + 1e-8 / 3), 3],
    );
  });

  it("reinforcePlusPlus with baseline compares in groups first, then whitens over all of them", async () => {
    const groups = [groupOf(0, [0, 2]), groupOf(1, [10, 16])];
    const [a = 0, b = 0, c = 0, d = 0] = await advantagesOf(
      algorithms.reinforcePlusPlus({ ...options, baseline: true }),
      ...groups,
    );
    expectClose([a + b, c + d, d / b], [0, 0, 3]);
  });
});

describe("a slow version of the paper's equation", () => {
  const cases = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 4 })), {
    minLength: 2,
    maxLength: 6,
  });
  const mean = (values: readonly number[]) => sum(values) / values.length;
  const slow: Readonly<Record<string, (rewards: readonly number[], tokens: readonly number[]) => number[]>> =
    {
      opo(rewards, tokens) {
        // The reward of a token drawn at random from the group.
        const all = rewards.flatMap((reward, i) => Array<number>(tokens[i] ?? 0).fill(reward));
        return rewards.map((reward) => reward - mean(all));
      },
      maxRl: (rewards) => rewards.map((reward) => (reward - mean(rewards)) / (mean(rewards) + 1e-6)),
      passAtK(rewards) {
        const sorted = rewards.toSorted((a, b) => a - b);
        const [ahead = 0, behind = 0] = [sorted.at(-1), sorted.at(-2)];
        // Half the mean squared difference of all pairs is the sample variance.
        const pairs = rewards.flatMap((a, i) => rewards.slice(i + 1).map((b) => (a - b) ** 2));
        const std = Math.sqrt(mean(pairs) / 2);
        return rewards.map((reward) => (reward === ahead ? (ahead - behind) / (std + 1e-6) : 0));
      },
      gpg: (rewards) => rewards.map((reward) => mean(rewards.map((other) => reward - other))),
    };
  it.each(["opo", "maxRl", "passAtK", "gpg"] as const)(
    "%s agrees with it over random groups",
    async (name) => {
      await fc.assert(
        fc.asyncProperty(cases, async (group) => {
          const [rewards, tokens] = [group.map(([reward]) => reward), group.map(([, count]) => count)];
          const expected = slow[name]?.(rewards, tokens) ?? [];
          const found = await advantagesOf(algorithms[name](options), groupOf(0, rewards, tokens));
          const isDead = new Set(rewards).size === 1 || expected.every((value) => value === 0);
          expectClose(found, isDead ? [] : expected);
        }),
        { numRuns: 60 },
      );
    },
  );
});

describe("laws over random groups", () => {
  const lists = fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 6 })
    .filter((list) => new Set(list).size > 1);
  const centred = { grpo, ...algorithms };
  const names = ["grpo", "drGrpo", "rloo", "gspo", "cispo", "sapo", "gmpo", "dppo", "gpg", "opo"] as const;
  it.each(names)("%s sums to zero in a group, does not see a shift, and follows the order", async (name) => {
    await fc.assert(
      fc.asyncProperty(lists, async (rewards) => {
        const of = (list: readonly number[]) => advantagesOf(centred[name](options), groupOf(0, list));
        const found = await of(rewards);
        expectClose([sum(found)], [0]);
        expectClose(await of(rewards.map((reward) => reward + 8)), found);
        expectClose((await of(rewards.toReversed())).toReversed(), found);
      }),
      { numRuns: 20 },
    );
  });
});

describe("how tokens share the loss", () => {
  /** The derivatives of a pass where the policy is as it was when it sampled. */
  const derivativesOf = async (algorithm: Algorithm) => {
    const pass = await passOf(algorithm, [groupOf(0, [0, 1], [1, 3])]);
    const loss = pass?.loss as PolicyLoss;
    const inputs = toLossInputs("test", loss, pass?.sequences ?? []);
    const logprobs = inputs.mask.map((counts) => -0.5 * counts);
    return Array.from(loss.evaluate({ ...inputs, logprobs }).dLogprobs);
  };
  it("at ratio 1 the gradients of PPO, GRPO, CISPO, DPPO and REINFORCE are equal", async () => {
    const loss = { aggregate: { by: "token" } } as const;
    const plain = { ...options, loss };
    const expected = await derivativesOf(grpo({ ...plain, advantage: { scale: "none" } }));
    expectClose(expected, [0, 0.125, 0, -0.125, -0.125, -0.125]);
    const same = [algorithms.drGrpo(plain), algorithms.dppo(plain), algorithms.gpg(plain)];
    for (const algorithm of same) expectClose(await derivativesOf(algorithm), expected);
    const scaled = await derivativesOf(grpo(plain));
    for (const algorithm of [algorithms.cispo(plain), algorithms.sapo(plain)])
      expectClose(await derivativesOf(algorithm), scaled);
  });

  it("drGrpo divides by a constant, rloo and opo by rows, gspo, sapo and gmpo by rows and their tokens", async () => {
    expectClose(
      await derivativesOf(algorithms.drGrpo({ ...options, length: 10 })),
      [0, 0.025, 0, -0.025, -0.025, -0.025],
    );
    expectClose(await derivativesOf(algorithms.rloo(options)), [0, 0.5, 0, -0.5, -0.5, -0.5]);
    expectClose(await derivativesOf(algorithms.opo(options)), [0, 0.375, 0, -0.125, -0.125, -0.125]);
    const byRow = [0, 0.5, 0, -0.5 / 3, -0.5 / 3, -0.5 / 3].map(
      (d) => (d * Math.SQRT1_2) / (Math.SQRT1_2 + 1e-6),
    );
    const scale = Math.SQRT1_2;
    for (const algorithm of [algorithms.gspo(options), algorithms.sapo(options), algorithms.gmpo(options)])
      expectClose(
        await derivativesOf(algorithm),
        byRow.map((d) => d * scale),
      );
  });

  it("dppo weighs rows of an older version once, others by a correction too", async () => {
    const old = (id: string) => [writtenRow(id, { version: 7 })];
    const { policy, asked } = notingPolicy();
    const group = writtenGroup(0, [0, 1], old);
    for (const algorithm of [algorithms.dppo(options), algorithms.cispo(options)])
      await algorithm.update({ policy, adapter: "default", step: 0, groups: [group] });
    const [dppo, cispo] = asked.passes.map(({ sequences, loss }) => {
      const inputs = toLossInputs("test", loss, sequences);
      return loss.evaluate({ ...inputs, logprobs: inputs.mask.map(() => -0.5) }).metrics;
    });
    expect(dppo?.correctionMean).toBe(undefined);
    expect(cispo?.correctionMean).toBeGreaterThan(0);
  });
});

it("maxRl refuses negative rewards, and a group of one is refused where a group is compared", async () => {
  await expect(advantagesOf(algorithms.maxRl(options), groupOf(0, [-1, 1]))).rejects.toThrow(
    "rewards of at least 0, got -1",
  );
  expect(() => algorithms.rloo({ groupSize: 1 })).toThrow("rloo");
  expect(() => algorithms.reinforcePlusPlus({ groupSize: 1, baseline: true })).toThrow("groupSize");
  expect(algorithms.reinforcePlusPlus({ groupSize: 1 }).groupSize).toBe(1);
  expect(() => algorithms.gspo({ num_generations: 4 } as never)).toThrow("groupSize");
  expect(() => algorithms.drGrpo({ length: 0 })).toThrow("length");
});
