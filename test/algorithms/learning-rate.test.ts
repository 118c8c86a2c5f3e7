import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Algorithm } from "../../src/algorithms/algorithm.js";
import { grpo } from "../../src/algorithms/grpo.js";
import {
  createLearningRate,
  defaultLearningRate,
  describeRate,
  type LearningRateOptions,
  toUpdatePlace,
} from "../../src/algorithms/learning-rate.js";
import { sft } from "../../src/algorithms/sft.js";
import type { Policy } from "../../src/policy/policy.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";

const ratesOf = (options: LearningRateOptions, updates: readonly number[], steps?: number) => {
  const rate = createLearningRate("test", options);
  return updates.map((update) => {
    const run = steps === undefined ? undefined : { step: update, steps };
    return rate(toUpdatePlace(update, run, 0, 1), 128, "adapter").lr;
  });
};
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, rate] of actual.entries()) expect(rate).toBeCloseTo(expected[i] ?? Number.NaN, 12);
};

describe("the default rate", () => {
  it.each([64, 128, 256, 896, 1536, 2048, 4096, 8192])(
    "at width %i is smaller for all weights than for an adapter",
    (hidden) => {
      const [adapter, all] = [defaultLearningRate(hidden, "adapter"), defaultLearningRate(hidden, "all")];
      expect(all).toBeGreaterThan(0);
      expect(all).toBeLessThanOrEqual(adapter / 5);
    },
  );

  it("never rises with the width", () => {
    for (const trained of ["adapter", "all"] as const) {
      const rates = [32, 64, 128, 256, 512, 1024, 2048, 4096].map((hidden) =>
        defaultLearningRate(hidden, trained),
      );
      expect(rates).toEqual(rates.toSorted((a, b) => b - a));
    }
  });

  it("is the field's at widths that the field uses", () => {
    expect(defaultLearningRate(2000, "adapter")).toBeCloseTo(5e-5, 12);
    expect(defaultLearningRate(2000, "all")).toBeCloseTo(3e-6, 12);
  });
});

describe("the schedule", () => {
  it.each<[string, LearningRateOptions, number | undefined, readonly number[]]>([
    ["stays where nobody knows how long the run is", { lr: 1 }, undefined, [1, 1, 1]],
    ["falls over the run where its length is known", { lr: 1 }, 4, [1, 0.853553390593, 0.5]],
    ["falls over totalUpdates", { lr: 1, totalUpdates: 4 }, undefined, [1, 0.853553390593, 0.5]],
    ["takes totalUpdates before the run's length", { lr: 1, totalUpdates: 4 }, 100, [1, 0.853553390593, 0.5]],
    ["stays where it is told to", { lr: 1, schedule: "constant" }, 4, [1, 1, 1]],
    [
      "stays where it is told to, whatever totalUpdates",
      { lr: 1, schedule: "constant", totalUpdates: 4 },
      9,
      [1, 1, 1],
    ],
    ["rises first", { lr: 1, warmup: 2 }, 4, [0.5, 1, 1]],
    ["rises first, then stays", { lr: 1, warmup: 2 }, undefined, [0.5, 1, 1]],
    ["is told to fall, over the run", { lr: 1, schedule: "cosine" }, 4, [1, 0.853553390593, 0.5]],
  ])("%s", (_, options, steps, expected) => {
    close(ratesOf(options, [0, 1, 2], steps), expected);
  });

  it("ends at 0 and stays there", () => {
    close(ratesOf({ lr: 1, totalUpdates: 8, warmup: 4 }, [0, 3, 6, 8, 20]), [0.25, 1, 0.5, 0, 0]);
  });

  it("counts all updates of a step", () => {
    const rate = createLearningRate("test", { lr: 1 });
    const at = (step: number, update: number) =>
      rate(toUpdatePlace(100, { step, steps: 2 }, update, 2), 128, "all");
    close(
      [at(0, 0), at(0, 1), at(1, 0), at(1, 1)].map(({ lr }) => lr),
      [1, 0.853553390593, 0.5, 0.146446609407],
    );
    expect(at(0, 0)).toMatchObject({ highest: 1, fallsOver: 4 });
  });

  it("refuses to fall over a length that nobody knows", () => {
    const rate = createLearningRate("grpo", { schedule: "cosine" });
    expect(() => rate(toUpdatePlace(0, undefined, 0, 1), 128, "adapter")).toThrow(/^grpo: .*totalUpdates/);
  });

  it.each<[string, object]>([
    ["lr", { lr: -1 }],
    ["lr", { lr: Number.NaN }],
    ["warmup", { warmup: 0.5 }],
    ["schedule", { schedule: "linear" }],
    ["totalUpdates", { totalUpdates: 0 }],
    ["totalUpdates", { totalUpdates: 1.5 }],
  ])("names %s of %o", (name, options) => {
    expect(() => createLearningRate("test", options)).toThrow(new RegExp(`test: expected ${name} to be`));
  });

  it.each([
    [{ "update/lr": 1e-3, "update/lr_highest": 1e-3, "update/lr_updates": 0 }, ["lr 1e-3, constant"]],
    [
      { "update/lr": 0.00096123, "update/lr_highest": 1e-3, "update/lr_updates": 40 },
      ["lr 9.61e-4 of 1e-3, cosine over 40 updates"],
    ],
    [{ "update/lr": 0, "update/lr_highest": 0, "update/lr_updates": 0 }, ["lr 0e+0, constant"]],
    [{ "update/loss": 1 }, []],
    [{}, []],
  ])("is told in words: %o", (metrics, words) => {
    expect(describeRate(metrics)).toEqual(words);
  });
});

describe("a step in which nothing can be learned", () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await tinyPolicy();
  });
  afterAll(() => policy.close());

  it.each<[string, () => Algorithm, readonly number[], number]>([
    ["grpo", () => grpo({ lr: 1, totalUpdates: 4 }), [1, 0.853553390593, 0.5], 3],
    ["grpo of two updates", () => grpo({ lr: 1, totalUpdates: 8, updates: 2 }), [1, 0.853553390593, 0.5], 6],
    [
      "grpo in parts",
      () => grpo({ lr: 1, totalUpdates: 8, updates: 2, batches: "split" }),
      [1, 0.853553390593, 0.5],
      6,
    ],
    [
      "grpo that counts the dead",
      () => grpo({ lr: 1, totalUpdates: 4, dead: "count" }),
      [1, 0.853553390593, 0.5],
      3,
    ],
    ["sft", () => sft({ lr: 1, totalUpdates: 4 }), [1, 0.853553390593, 0.5], 3],
  ])("advances the schedule and says the rate: %s", async (_, create, expected, updates) => {
    const algorithm = create();
    const rates = [];
    for (let step = 0; step < 3; step++) {
      const { metrics } = await algorithm.update({ policy, adapter: "base", groups: [], step });
      expect(metrics).toMatchObject({ "update/count": 0, "update/lr_highest": 1 });
      rates.push(metrics["update/lr"] ?? Number.NaN);
    }
    close(rates, expected);
    expect(algorithm.state?.()).toEqual({ updates: { base: updates } });
  });

  it("takes the rate of what is trained", async () => {
    const { metrics } = await grpo().update({ policy, adapter: "base", groups: [], step: 0 });
    expect(metrics["update/lr"]).toBe(defaultLearningRate(policy.config.hidden, "all"));
  });
});
