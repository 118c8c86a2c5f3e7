import { describe, expect, it } from "vitest";
import { baseline } from "../../src/algorithms/baseline.js";
import { sft } from "../../src/algorithms/sft.js";
import { notingPolicy, writtenGroup, writtenRow } from "./written-rows.js";

const wrong = (text: string) =>
  expect.objectContaining({ code: "E_ARGUMENT", message: expect.stringContaining(text) });
const step = { adapter: "default", step: 0 };

describe("sft.trainOn", () => {
  it("weighs each of the N answer tokens of the batch 1 / N, and no other", async () => {
    const { policy, asked } = notingPolicy();
    const { metrics } = await sft({ lr: 0.5 }).trainOn(policy, [
      { tokens: [1, 2, 3], mask: [0, 1] },
      { tokens: Int32Array.of(1, 2, 3, 4), mask: Float32Array.of(1, 1, 1) },
    ]);
    expect(asked.passes).toMatchObject([
      { adapter: "default", sequences: [{ weights: [0, 0.25] }, { weights: [0.25, 0.25, 0.25] }] },
    ]);
    expect(asked.steps).toEqual([{ adapter: "default", lr: 0.5 }]);
    expect(metrics).toEqual({
      ...{ "update/loss": 0.25, "update/grad_norm": 2, "update/tokens": 4 },
      ...{ "update/lr": 0.5, "update/lr_highest": 0.5, "update/lr_updates": 0 },
    });
  });

  it("trains the adapter that is named, and all weights where the policy has none", async () => {
    const { policy, asked } = notingPolicy();
    await sft().trainOn(policy, [{ tokens: [1, 2], mask: [1] }], "other");
    await sft().trainOn({ ...policy, adapters: [] }, [{ tokens: [1, 2], mask: [1] }]);
    expect(asked.steps.map(({ adapter, lr }) => [adapter, lr])).toEqual([
      ["other", 1e-3],
      ["base", 2e-4],
    ]);
  });

  it.each([
    ["no list", {} as never, "a list of demonstrations"],
    ["a demonstration that is none", [undefined] as never, "demonstrations[0].tokens"],
    ["a mask that is no list", [{ tokens: [1, 2], mask: "01" }] as never, "demonstrations[0].mask"],
    ["bytes without a type", [{ tokens: new DataView(new ArrayBuffer(8)), mask: [1] }] as never, "tokens"],
    ["nothing to learn", [{ tokens: [1, 2], mask: [0] }], "at least one token"],
  ])("refuses %s", async (_what, demonstrations, text) => {
    const { policy, asked } = notingPolicy();
    await expect(sft().trainOn(policy, demonstrations)).rejects.toEqual(wrong(text));
    expect(asked.steps).toEqual([]);
  });
});

describe("the counter of sft's updates", () => {
  it("moves with every step, also of one without a rollout that is good enough", async () => {
    const { policy, asked } = notingPolicy();
    const learner = sft({ lr: 1, warmup: 10 });
    learner.restore?.({ updates: 3 });
    await learner.update({ policy, ...step, groups: [writtenGroup(0, [1])] });
    const idle = await learner.update({ policy, ...step, groups: [writtenGroup(0, [0.5])] });
    expect(idle.metrics).toEqual({
      ...{ "update/count": 0, "rows/count": 0 },
      ...{ "update/lr": 0.5, "update/lr_highest": 1, "update/lr_updates": 0 },
    });
    await learner.update({ policy, ...step, groups: [writtenGroup(0, [1])] });
    expect(asked.steps.map(({ lr }) => lr)).toEqual([0.4, 0.6]);
    expect(learner.state?.()).toEqual({ updates: { default: 6 } });
    learner.restore?.({});
    expect(learner.state?.()).toEqual({ updates: {} });
  });

  it("asks for a run's length before its first rollout", () => {
    const { policy } = notingPolicy();
    expect(() => sft({ schedule: "cosine" }).check?.({ policy, ...step })).toThrow(wrong("totalUpdates"));
  });
});

describe("sft", () => {
  it("learns from the adapter's rows of rollouts that reach minReward, whatever their group", async () => {
    const { policy, asked } = notingPolicy();
    const rows = (id: string) => [writtenRow(id), writtenRow(id, { adapter: "other" })];
    const groups = [writtenGroup(0, [0.4, 0.5], rows), writtenGroup(1, [1], rows)];
    const { metrics } = await sft({ minReward: 0.5 }).update({ policy, ...step, groups });
    expect(metrics).toMatchObject({ "rows/count": 2, "update/count": 1, "update/tokens": 4 });
    expect(asked.passes[0]?.sequences.length).toBe(2);
  });

  it("refuses groups of none and unknown options of its optimizer", () => {
    expect(() => sft({ groupSize: 0 })).toThrow(wrong("groupSize"));
    expect(() => sft({ optimizer: { lr: 1 } as never })).toThrow(wrong("sft({ lr })"));
  });
});

describe("baseline", () => {
  it("learns nothing from as many rollouts of a task as it is told", async () => {
    expect(baseline()).toMatchObject({ name: "baseline", groupSize: 1 });
    expect(baseline({ groupSize: 3 }).groupSize).toBe(3);
    const { policy, asked } = notingPolicy();
    expect(await baseline().update({ policy, ...step, groups: [writtenGroup(0, [0, 1])] })).toEqual({
      metrics: {},
    });
    expect(asked).toEqual({ scored: [], passes: [], steps: [] });
    expect(() => baseline({ groupSize: 0 })).toThrow(wrong("groupSize"));
    expect(() => baseline({ group_size: 2 } as never)).toThrow(wrong("groupSize"));
  });
});
