// What grpo hands to a policy, by a policy that notes it.
import { describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { notingPolicy, writtenGroup, writtenRow } from "./written-rows.js";

const wrong = (text: string) =>
  expect.objectContaining({ code: "E_ARGUMENT", message: expect.stringContaining(text) });
const step = { adapter: "default", step: 0 };

describe("the counter of grpo's updates", () => {
  it("moves the rate with every update of every step, also of one in which nothing could be learned", async () => {
    const { policy, asked } = notingPolicy();
    const learner = grpo({ lr: 1, schedule: "cosine", totalUpdates: 8, updates: 2 });
    const rate = (update: number) => (1 + Math.cos((Math.PI * update) / 8)) / 2;
    const living = [writtenGroup(0, [0, 1])];
    await learner.update({ policy, ...step, groups: living });
    expect(learner.state?.()).toEqual({ updates: { default: 2 } });
    const idle = await learner.update({ policy, ...step, groups: [writtenGroup(0, [1, 1])] });
    expect(idle.metrics).toMatchObject({ "update/count": 0, "update/tokens": 0, "update/lr": rate(2) });
    expect(idle.metrics).toMatchObject({ "exact/compared": 0, "exact/stale": 0 });
    await learner.update({ policy, ...step, groups: living });
    expect(asked.steps.map(({ lr }) => lr)).toEqual([rate(0), rate(1), rate(4), rate(5)]);
  });

  it("goes on from what a checkpoint kept, and from 0 where it kept none", async () => {
    const { policy, asked } = notingPolicy();
    const learner = grpo({ lr: 1, warmup: 10 });
    learner.restore?.({ updates: 6 });
    await learner.update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] });
    expect(learner.state?.()).toEqual({ updates: { default: 7 } });
    learner.restore?.({});
    await learner.update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] });
    expect(asked.steps.map(({ lr }) => lr)).toEqual([0.7, 0.1]);
  });

  it("asks for a run's length before its first rollout", () => {
    const { policy } = notingPolicy();
    expect(() => grpo({ schedule: "cosine" }).check?.({ policy, ...step })).toThrow(wrong("totalUpdates"));
    expect(grpo({ schedule: "cosine" }).check?.({ policy, ...step, run: { step: 0, steps: 3 } })).toBe(
      undefined,
    );
  });

  it("takes the default rate of an adapter, and a lower one of all weights", async () => {
    const rates = await Promise.all(
      ["default", "base"].map(async (adapter) => {
        const { policy, asked } = notingPolicy();
        const groups = [writtenGroup(0, [0, 1], (id) => [writtenRow(id, { adapter })])];
        await grpo().update({ policy, adapter, step: 0, groups });
        return asked.steps[0]?.lr ?? Number.NaN;
      }),
    );
    expect(rates).toEqual([1e-3, 2e-4]);
  });
});

describe("grpo.prepare", () => {
  it("takes the policy's adapters and the base model, and refuses an adapter that is not there", () => {
    const { policy } = notingPolicy();
    for (const adapter of ["default", "other", "base"]) grpo().prepare?.({ policy, adapters: [adapter] });
    expect(() => grpo().prepare?.({ policy, adapters: ["missing"] })).toThrow(wrong("default, other"));
  });

  it("refuses a KL term to the base model where the base model is trained", () => {
    const { policy } = notingPolicy();
    const learner = grpo({ loss: { kl: { kind: "k3", coefficient: 0.1 } } });
    learner.prepare?.({ policy, adapters: ["default"] });
    expect(() => learner.prepare?.({ policy, adapters: ["base"] })).toThrow(wrong("reference"));
    grpo({ loss: { kl: { kind: "k3", coefficient: 0 } } }).prepare?.({ policy, adapters: ["base"] });
  });
});

describe("an update of grpo", () => {
  it("reads rows of this version as they were sampled, and scores those of another first, at their temperature", async () => {
    const { policy, asked } = notingPolicy();
    const rows = (id: string, sample: number) => [writtenRow(id, { version: sample, temperature: 0.7 })];
    const { metrics } = await grpo().update({ policy, ...step, groups: [writtenGroup(0, [0, 1], rows)] });
    expect(asked.scored).toEqual([{ rows: 1, adapter: "default", temperature: 0.7 }]);
    expect(asked.passes).toMatchObject([{ adapter: "default", temperature: 0.7 }]);
    expect(asked.passes[0]?.sequences.map(({ oldLogprobs }) => oldLogprobs)).toEqual([
      [0, -0.1, -0.2],
      [-0.5, -0.5, -0.5],
    ]);
    expect(metrics).toMatchObject({ "exact/compared": 2, "exact/stale": 2 });
  });

  it("says in the first of several updates alone what the log-probabilities are", async () => {
    const { policy, asked } = notingPolicy();
    await grpo({ updates: 2 }).update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] });
    expect(
      asked.passes.map(({ sequences }) => sequences.map(({ logprobs }) => logprobs !== undefined)),
    ).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  it("hands the base model's log-probabilities to a KL term, and asks for none without", async () => {
    for (const coefficient of [0, 0.1]) {
      const { policy, asked } = notingPolicy((adapter) => (adapter === "base" ? -2 : -0.5));
      const learner = grpo({ loss: { kl: { kind: "k3", coefficient } } });
      await learner.update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] });
      const expected = coefficient === 0 ? undefined : [-2, -2, -2];
      expect(asked.passes[0]?.sequences.map(({ refLogprobs }) => refLogprobs)).toEqual([expected, expected]);
      expect(asked.scored.length).toBe(coefficient === 0 ? 0 : 1);
    }
  });

  it("gives each of the split updates whole groups, each group once", async () => {
    const { policy, asked } = notingPolicy();
    const groups = [0, 1, 2].map((task) => writtenGroup(task, [0, 1]));
    await grpo({ updates: 2, batches: "split" }).update({ policy, ...step, groups });
    const groupsOf = asked.passes.map(({ sequences }) => sequences.map(({ group }) => group));
    expect(groupsOf).toEqual([
      [0, 0, 2, 2],
      [1, 1],
    ]);
    const whole = notingPolicy();
    await grpo({ updates: 2 }).update({ policy: whole.policy, ...step, groups });
    expect(whole.asked.passes.map(({ sequences }) => sequences.length)).toEqual([6, 6]);
  });

  it("spreads a group's advantages by its own options, over the rows of the adapter alone", async () => {
    const { policy, asked } = notingPolicy();
    const rows = (id: string) => [writtenRow(id), writtenRow(id, { adapter: "other" }), writtenRow(id)];
    const learner = grpo({ advantage: { scale: "none" } });
    const { metrics } = await learner.update({ policy, ...step, groups: [writtenGroup(0, [0, 0.5], rows)] });
    expect(asked.passes[0]?.sequences.map(({ advantages }) => advantages)).toEqual([
      -0.25, -0.25, 0.25, 0.25,
    ]);
    expect(metrics).toMatchObject({
      ...{ "rows/count": 4, "rows/tokens": 16, "rows/sampled_tokens": 8, "rows/per_rollout": 3 },
      ...{ "advantage/std": 0.25, "update/loss": 0.25, "update/grad_norm": 2, "update/count": 1 },
    });
  });

  it("reports the deviation of the advantages, and rows to a rollout, of a step without any as 0", async () => {
    const { policy } = notingPolicy();
    const groups = [writtenGroup(0, [0, 1, 1])];
    const { metrics } = await grpo({ advantage: { scale: "none" } }).update({ policy, ...step, groups });
    expect(metrics["advantage/std"]).toBeCloseTo(Math.sqrt(2) / 3, 12);
    const none = await grpo().update({ policy, ...step, groups: [writtenGroup(0, [])] });
    expect(none.metrics).toMatchObject({ "advantage/std": 0, "rows/per_rollout": 0, "groups/count": 0 });
  });

  it("refuses rows of two temperatures, and changes nothing", async () => {
    const { policy, asked } = notingPolicy();
    const rows = (id: string, sample: number) => [writtenRow(id, { temperature: 1 + sample })];
    await expect(grpo().update({ policy, ...step, groups: [writtenGroup(0, [0, 1], rows)] })).rejects.toEqual(
      wrong("one temperature"),
    );
    expect(asked.steps).toEqual([]);
  });

  it("reports of a single update no number that it cannot have moved, and of two what the second saw", async () => {
    const names = async (updates: number) => {
      const { policy } = notingPolicy();
      const { metrics } = await grpo({ updates }).update({
        policy,
        ...step,
        groups: [writtenGroup(0, [0, 1])],
      });
      return ["update/ratioMean", "update/klOld", "update/clipLow"].filter((name) => name in metrics);
    };
    expect(await names(1)).toEqual([]);
    expect(await names(2)).toEqual(["update/ratioMean", "update/klOld", "update/clipLow"]);
  });

  it("measures after the step how far it moved the policy, when asked to", async () => {
    const { policy } = notingPolicy(() => -0.1);
    const groups = [writtenGroup(0, [0, 1])];
    const unasked = await grpo().update({ policy, ...step, groups });
    expect(unasked.metrics).not.toHaveProperty("update/kl");
    const { metrics } = await grpo().update({ policy, ...step, groups, measure: true });
    // Of the two sampled tokens one stayed, the other went from -0.2 to -0.1.
    expect(metrics["update/kl"]).toBeCloseTo((Math.exp(0.1) - 1.1) / 2, 12);
    expect(metrics["update/ratio_mean"]).toBeCloseTo((1 + Math.exp(0.1)) / 2, 12);
    expect(metrics["update/ratio_min"]).toBeCloseTo(1, 12);
    expect(metrics["update/ratio_max"]).toBeCloseTo(Math.exp(0.1), 12);
  });

  it("hands its optimizer's options on", async () => {
    const { policy, asked } = notingPolicy();
    const learner = grpo({ lr: 0.1, optimizer: { weightDecay: 0.25 } });
    await learner.update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] });
    expect(asked.steps).toEqual([{ adapter: "default", lr: 0.1, weightDecay: 0.25 }]);
  });
});

describe("options of grpo", () => {
  it.each([
    [{ groupSize: 1 }, "groupSize"],
    [{ updates: 0 }, "updates"],
    [{ warmup: -1 }, "warmup"],
    [{ loss: { epsilon: 0.2 } as never }, "grpo: loss"],
    [{ advantage: { scale: "std" as never } }, "grpo: advantage"],
    [{ optimizer: { weight_decay: 1 } as never }, "weightDecay"],
    [{ optimizer: { lr: 1 } as never }, "beside optimizer"],
    [{ optimizer: { learning_rate: 1 } as never }, "beside optimizer"],
    [{ optimizer: { weightDecay: -1 } }, "grpo: optimizer"],
  ] as const)("%j is refused by name", (options, text) => {
    expect(() => grpo(options)).toThrow(wrong(text));
  });
});
