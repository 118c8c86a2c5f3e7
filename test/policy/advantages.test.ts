import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advantages } from "../../src/policy/advantages.js";
import { createRandom, isNear } from "./losses/update.js";

const near = (got: ArrayLike<number>, expected: readonly number[], atol = 1e-14) => {
  expect(got.length).toBe(expected.length);
  for (const [i, x] of expected.entries())
    expect(isNear(got[i]!, x, atol, 1e-12), `${got[i]} is not ${x} at ${i}`).toBe(true);
};
const errorOf = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("expected an error");
};

const baselines = ["mean", "leave-one-out"] as const;
const scales = ["group", "batch", "none"] as const;
const combinations = baselines.flatMap((baseline) => scales.map((scale) => ({ baseline, scale })));
const batch = fc
  .array(fc.tuple(fc.integer({ min: -10, max: 10 }), fc.integer({ min: 0, max: 4 })), {
    minLength: 1,
    maxLength: 40,
  })
  .map((pairs) => ({ rewards: pairs.map(([r]) => r / 10), groups: pairs.map(([, g]) => g) }));

describe("group advantages", () => {
  it("of 0.1, 0.2, 0.7 are those of the hand calculation, in GRPO, Dr. GRPO and RLOO", () => {
    const rewards = [0.1, 0.2, 0.7];
    const deviation = Math.sqrt(93 / 900) + 1e-6;
    near(advantages.group(rewards, [0, 0, 0]), [
      -7 / 30 / deviation,
      -4 / 30 / deviation,
      11 / 30 / deviation,
    ]);
    near(advantages.group(rewards, [0, 0, 0], { scale: "none" }), [-7 / 30, -4 / 30, 11 / 30]);
    near(
      advantages.group(rewards, [0, 0, 0], { baseline: "leave-one-out", scale: "none" }),
      [-0.35, -0.2, 0.55],
    );
    near(advantages.group(rewards, [0, 0, 0], { baseline: "none", scale: "none" }), rewards, 0);
  });

  it("divide by the deviation of all rewards, not of the group, with scale batch", () => {
    // Rewards 0.1 0.2 0.7 0.4: mean 0.35, squares 0.0625 + 0.0225 + 0.1225 + 0.0025 = 0.21, variance 0.07.
    const deviation = Math.sqrt(0.07) + 1e-6;
    const got = advantages.group([0.1, 0.2, 0.7, 0.4], ["a", "a", "b", "b"], { scale: "batch" });
    near(got, [-0.05 / deviation, 0.05 / deviation, 0.15 / deviation, -0.15 / deviation]);
  });

  it("are exactly zero where the rewards are equal, also when their sum rounds and nothing is added to the deviation", () => {
    for (const options of combinations) {
      expect([...advantages.group([0.1, 0.1, 0.1], [0, 0, 0], options)]).toEqual([0, 0, 0]);
      const mixed = advantages.group([0.1, 0.5, 0.1, 0.9, 0.1], [7, 8, 7, 8, 7], { ...options, epsilon: 0 });
      expect([mixed[0], mixed[2], mixed[4]]).toEqual([0, 0, 0]);
      expect(mixed[3]).toBeGreaterThan(0);
    }
  });

  it("sum to zero in every group, of one too", () => {
    fc.assert(
      fc.property(batch, fc.constantFrom(...combinations), ({ rewards, groups }, options) => {
        const a = advantages.group(rewards, groups, options);
        const sums = new Map<number, number>();
        for (const [i, g] of groups.entries()) sums.set(g, (sums.get(g) ?? 0) + a[i]!);
        return [...sums.values()].every((sum) => isNear(sum, 0, 1e-11, 0));
      }),
    );
  });

  it("ignore a shift of the rewards", () => {
    fc.assert(
      fc.property(batch, fc.constantFrom(...combinations), ({ rewards, groups }, options) => {
        const a = advantages.group(rewards, groups, options);
        const shifted = advantages.group(
          rewards.map((r) => r + 3.3),
          groups,
          options,
        );
        // 4.3 has steps of 9e-16; a deviation of at least 0.1 / sqrt(39) divides them.
        return a.every((x, i) => isNear(shifted[i]!, x, 1e-12, 1e-10));
      }),
    );
  });

  it("follow the rewards wherever they stand, to rounding", () => {
    fc.assert(
      fc.property(
        batch,
        fc.constantFrom(...combinations),
        fc.integer(),
        ({ rewards, groups }, options, seed) => {
          const random = createRandom(seed);
          const order = rewards.map((_, i) => ({ i, key: random() })).sort((a, b) => a.key - b.key);
          const a = advantages.group(rewards, groups, options);
          const moved = advantages.group(
            order.map(({ i }) => rewards[i]!),
            order.map(({ i }) => groups[i]!),
            options,
          );
          return order.every(({ i }, to) => isNear(moved[to]!, a[i]!, 1e-12, 1e-10));
        },
      ),
    );
  });

  it("keep the sign of reward minus mean whatever scales them", () => {
    const a = advantages.group([0.3, 0.1, 0.2], ["x", "x", "x"], { scale: "batch" });
    expect(a[0]).toBeGreaterThan(0);
    expect(a[1]).toBeLessThan(0);
  });

  it("give a rollout without siblings zero, or its reward where asked or without a baseline", () => {
    for (const options of combinations) {
      expect([...advantages.group([0.7], [3], options)]).toEqual([0]);
      // The only scored one of its group is as alone.
      expect(advantages.group([0.7, Number.NaN, 0.1, 0.2], [3, 3, 4, 4], options)[0]).toBe(0);
    }
    expect(advantages.group([0.7, 0.2], [3, 4], { groupOfOne: "reward" })[0]).toBe(0.7);
    expect(advantages.group([0.7, 0.2], [3, 4], { baseline: "none" })[0]).toBe(0.7);
  });

  it("give a missing reward zero and its siblings what they would have without it", () => {
    for (const options of combinations) {
      const a = advantages.group([0.1, Number.NaN, 0.2, 0.7, Number.NaN], [0, 0, 0, 0, 1], options);
      const without = advantages.group([0.1, 0.2, 0.7], [0, 0, 0], options);
      expect([...a]).toEqual([without[0], 0, without[1], without[2], 0]);
    }
    expect([...advantages.group([Number.NaN, Number.NaN], [0, 0])]).toEqual([0, 0]);
    expect(advantages.group([], []).length).toBe(0);
  });

  it("refuse infinite rewards, other lengths, unknown options, things that are no numbers", () => {
    expect(errorOf(() => advantages.group([0, Infinity], [0, 0]))).toMatchObject({
      code: "E_ARGUMENT",
      message: "advantages.group: expected rewards[1] to be finite or NaN (missing), got Infinity",
    });
    expect(errorOf(() => advantages.group([0, 1], [0])).message).toContain("groups to have 2 elements");
    expect(errorOf(() => advantages.group([0], [0.5])).message).toContain("groups[0]");
    expect(errorOf(() => advantages.group([0], [0], { scale: "std" as "group" })).message).toContain(
      '"batch"',
    );
    expect(errorOf(() => advantages.group([undefined as never], [0])).message).toContain(
      "rewards[0] to be a number",
    );
    expect(errorOf(() => advantages.group([0], [0], { epsilon: -1 })).code).toBe("E_ARGUMENT");
    expect(errorOf(() => advantages.group([1.7e308, -1.7e308], [0, 0])).code).toBe("E_NONFINITE");
  });
});

describe("discounted returns", () => {
  it("look forward within an episode and never into the next", () => {
    near(advantages.discounted([0.1, 0.2, 0.7], { gamma: 0.5 }), [0.1 + 0.5 * 0.55, 0.55, 0.7]);
    near(advantages.discounted([1, 2, 3, 4], { gamma: 0.5, offsets: [0, 1, 1, 4] }), [1, 4.5, 5, 4]);
    near(advantages.discounted([1, 2, 3]), [6, 5, 3]);
  });

  it("refuse a gamma outside 0 to 1, rewards that are not finite and offsets that are not of them", () => {
    expect(errorOf(() => advantages.discounted([1], { gamma: 1.1 })).code).toBe("E_ARGUMENT");
    expect(errorOf(() => advantages.discounted([Number.NaN])).message).toContain("rewards[0] to be finite");
    for (const offsets of [[], [0], [0, 2], [1, 3], [0, 2, 1, 3], [0, 1.5, 3]])
      expect(errorOf(() => advantages.discounted([1, 2, 3], { offsets })).code).toBe("E_ARGUMENT");
  });
});

describe("generalized advantages", () => {
  const random = createRandom(3);
  const draw = () => Float64Array.from({ length: 30 }, () => random() - 0.5);
  const [rewards, values] = [draw(), draw()];
  const mask = draw().map((x) => (x > -0.2 ? 1 : 0));
  const offsets = [0, 11, 30];
  const given = { gamma: 0.9, lambda: 0.8, mask, offsets };

  it("are bit for bit the same whatever stands on tokens that were not sampled", () => {
    const expected = advantages.gae({ rewards, values, ...given });
    for (const noise of [1e9, -3, Number.NaN]) {
      const cover = (x: Float64Array) => x.map((v, t) => (mask[t] === 0 ? noise : v));
      expect(advantages.gae({ rewards: cover(rewards), values: cover(values), ...given })).toEqual(expected);
    }
  });

  it("equal those of the sampled tokens alone, put side by side", () => {
    const kept = [...mask.keys()].filter((t) => mask[t] !== 0);
    const alone = advantages.gae({
      rewards: kept.map((t) => rewards[t]!),
      values: kept.map((t) => values[t]!),
      gamma: 0.9,
      lambda: 0.8,
      offsets: [0, kept.filter((t) => t < 11).length, kept.length],
    });
    const all = advantages.gae({ rewards, values, ...given });
    for (const name of ["advantages", "returns"] as const) {
      expect(kept.map((t) => all[name][t])).toEqual([...alone[name]]);
      expect(all[name].every((x, t) => mask[t] !== 0 || x === 0)).toBe(true);
    }
  });

  it("sum discounted errors as the definition says", () => {
    const [gamma, lambda] = [0.9, 0.8];
    const got = advantages.gae({ rewards, values, gamma, lambda });
    const delta = (t: number) => rewards[t]! + gamma * (values[t + 1] ?? 0) - values[t]!;
    for (let t = 0; t < 30; t++) {
      let expected = 0;
      for (let k = t; k < 30; k++) expected += (gamma * lambda) ** (k - t) * delta(k);
      near([got.advantages[t]!, got.returns[t]!], [expected, expected + values[t]!], 1e-13);
    }
  });

  it("refuse masks that are not 0 or 1 and numbers that are not finite where they count", () => {
    expect(errorOf(() => advantages.gae({ rewards: [1], values: [1], mask: [0.5] })).message).toContain(
      "mask[0]",
    );
    expect(errorOf(() => advantages.gae({ rewards: [1], values: [Infinity] })).message).toContain(
      "values[0]",
    );
    expect(errorOf(() => advantages.gae({ rewards: [1], values: [1, 2] })).code).toBe("E_ARGUMENT");
    expect(errorOf(() => advantages.gae({ rewards: [1], values: [1], lambda: 2 })).code).toBe("E_ARGUMENT");
  });
});

describe("whitening", () => {
  it("of 0.1, 0.2, 0.7 is that of the hand calculation", () => {
    const deviation = Math.sqrt(93 / 900 + 1e-8);
    const expected = [-7 / 30 / deviation, -4 / 30 / deviation, 11 / 30 / deviation];
    near(advantages.whiten([0.1, 0.2, 0.7]), expected);
    near(advantages.whiten([0.1, Number.NaN, 0.2, 9, 0.7], [1, 0, 1, 0, 1]), [
      expected[0]!,
      0,
      expected[1]!,
      0,
      expected[2]!,
    ]);
  });

  it("refuses numbers that count and are not finite, and other lengths", () => {
    expect(errorOf(() => advantages.whiten([1, Number.NaN])).message).toContain("values[1] to be finite");
    expect(errorOf(() => advantages.whiten([1, 2], [1])).message).toContain("mask to have 2 elements");
  });

  it("gives exact zeros for equal numbers, for one and for none", () => {
    expect([...advantages.whiten([0.1, 0.1, 0.1])]).toEqual([0, 0, 0]);
    expect([...advantages.whiten([0.7])]).toEqual([0]);
    expect([...advantages.whiten([0.7, 0.3], [0, 0])]).toEqual([0, 0]);
  });
});
