import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { sft } from "../../src/algorithms/sft.js";
import { LightningError } from "../../src/base/error.js";
import { advantages } from "../../src/policy/advantages.js";
import type { Aggregate } from "../../src/policy/losses/aggregate.js";
import { losses } from "../../src/policy/losses/index.js";
import type { Policy } from "../../src/policy/policy.js";
import type { TaskGroup } from "../../src/types/task-group.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";
import { sampledGroup } from "./sampled-group.js";

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

const groupOf = (reward: (sample: number) => number, task = 0): Promise<TaskGroup> =>
  sampledGroup(policy, reward, task);

const update = (groups: readonly TaskGroup[], algorithm = grpo({ lr: 1e-3 })) =>
  algorithm.update({ policy, adapter: "base", groups, step: 0 });

describe("grpo", () => {
  it("compares every sampled token with its training log-probability, bit for bit", async () => {
    const { metrics } = await update([await groupOf((sample) => sample % 2)]);
    expect(metrics).toMatchObject({
      "exact/compared": 40,
      "exact/stale": 0,
      "update/count": 1,
    });
  });

  it("trains on a group of equal rewards that are not 0 where nothing is the baseline, and on none of zeros", async () => {
    const none = { advantage: { baseline: "none", scale: "none" } } as const;
    const taken = [];
    for (const [options, reward] of [
      [none, 1],
      [none, 0],
      [{}, 1],
    ] as const) {
      const groups = [await groupOf(() => reward)];
      const { metrics } = await update(groups, grpo({ lr: 1e-3, ...options }));
      taken.push([metrics["update/count"], metrics["groups/dead"]]);
    }
    expect(taken).toEqual([
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
  });

  it("computes each micro-batch once forward and once backward, rows of an older version scored before", async () => {
    const whole = policy;
    policy = await tinyPolicy({ contextLength: 16, trainTokens: 16 });
    try {
      const group = await groupOf((sample) => sample % 2);
      const rows = async (): Promise<number[]> => {
        const before = policy.counters;
        await update([group]);
        const { forwardRows, backwardRows } = policy.counters;
        return [forwardRows - before.forwardRows, backwardRows - before.backwardRows];
      };
      const [forward = 0, backward = 0] = await rows();
      expect(backward).toBeGreaterThan(2 * 16);
      expect(forward).toBe(backward);
      expect(await rows()).toEqual([2 * backward, backward]);
    } finally {
      await policy.close();
      policy = whole;
    }
  });

  it("refuses log-probabilities that differ in the last bit, and changes no weight", async () => {
    const group = await groupOf((sample) => sample % 2);
    const trajectory = group.rollouts[3]?.trajectories[0];
    const logprobs = [...(trajectory?.sampledLogprobs ?? [])];
    logprobs[4] = Math.fround((logprobs[4] ?? 0) * (1 + 2 ** -22));
    const rollouts = group.rollouts.map((rollout, i) =>
      i === 3 && trajectory
        ? { ...rollout, trajectories: [{ ...trajectory, sampledLogprobs: logprobs }] }
        : rollout,
    );
    const version = policy.version("base");
    await expect(update([{ ...group, rollouts }])).rejects.toMatchObject({
      code: "E_EXACTNESS",
      message: expect.stringContaining("ro-0-3"),
    });
    expect(policy.version("base")).toBe(version);
    for (const gradient of (await policy.gradients("base")).values())
      expect(gradient.every((g) => g === 0)).toBe(true);
  });

  it("forgets the gradients of an update whose step is refused, as does sft", async () => {
    const optimStep = () => Promise.reject(new LightningError("E_NONFINITE", "a gradient of NaN"));
    const refusing: Policy = { ...policy, optimStep };
    const gradients = async () => [...(await policy.gradients("base")).values()].flatMap((g) => [...g]);
    const update = {
      policy: refusing,
      adapter: "base",
      step: 0,
      groups: [await groupOf((sample) => sample % 2)],
    };
    for (const algorithm of [grpo(), sft()]) {
      await expect(algorithm.update(update)).rejects.toMatchObject({ code: "E_NONFINITE" });
      expect((await gradients()).every((value) => value === 0)).toBe(true);
    }
  });

  it("refuses options that it would not follow", () => {
    const wrong = expect.objectContaining({ code: "E_ARGUMENT" });
    expect(() => grpo({ batches: "halves" as never })).toThrow(wrong);
    expect(() => grpo({ schedule: "linear" as never })).toThrow(wrong);
    expect(() => grpo({ dead: "keep" as never })).toThrow(wrong);
    expect(() => sft({ schedule: "cosine", totalUpdates: -5 })).toThrow(wrong);
  });

  it("scores rows of an older version first, and does not compare them", async () => {
    const group = await groupOf((sample) => sample % 2);
    await update([group]);
    const { metrics } = await update([group]);
    expect(metrics).toMatchObject({ "exact/compared": 0, "exact/stale": 40 });
  });

  it("weighs rows of another policy by how much likelier their tokens are at the update's start, exact rows by nothing", async () => {
    const group = await groupOf((sample) => sample % 2);
    const exact = await update([group]);
    expect(exact.metrics).not.toHaveProperty("update/correctionMean");
    const halved = group.rollouts.map((rollout) => ({
      ...rollout,
      trajectories: rollout.trajectories.map((trajectory) => ({
        ...trajectory,
        sampledLogprobs: trajectory.sampledLogprobs?.map((value) => value / 2) ?? null,
      })),
    }));
    // Tokens that were likelier when sampled weigh less than 1 now.
    const stale = [{ ...group, rollouts: halved }];
    const { metrics } = await update(stale);
    expect(metrics["update/correctionMean"]).toBeGreaterThan(0);
    expect(metrics["update/correctionMean"]).toBeLessThan(0.5);
    const plain = await update(stale, grpo({ lr: 1e-3, loss: { correction: { kind: "none" } } }));
    expect(plain.metrics["update/correctionMean"]).toBe(1);
    const masked = await update(stale, grpo({ lr: 1e-3, loss: { correction: { kind: "sequence-mask" } } }));
    expect(masked.metrics).toMatchObject({ "update/correctionDropped": 1, "update/grad_norm": 0 });
  });

  it("never compares a sample that an update was carried over into, whatever its first version", async () => {
    const group = await groupOf((sample) => sample % 2);
    const rollouts = group.rollouts.map((rollout) => ({
      ...rollout,
      trajectories: rollout.trajectories.map((trajectory) => ({
        ...trajectory,
        sampledLogprobs: trajectory.sampledLogprobs?.map((value) => value / 2) ?? null,
        transitions: trajectory.transitions.map((transition) => ({
          ...transition,
          versions: transition.responseIds.map((_, i) => (transition.version ?? 0) + (i > 2 ? 1 : 0)),
        })),
      })),
    }));
    const { metrics } = await update([{ ...group, rollouts }]);
    expect(metrics).toMatchObject({ "exact/compared": 0, "exact/stale": 40 });
  });

  it("drops groups without variance, and takes no step when none is left", async () => {
    const alike = await groupOf(() => 0.1, 1);
    const version = policy.version("base");
    const { metrics } = await update([alike]);
    expect(metrics).toMatchObject({ "groups/dead": 1, "rows/count": 0, "update/count": 0 });
    expect(policy.version("base")).toBe(version);
    const mixed = await update([alike, await groupOf((sample) => sample / 8, 2)]);
    expect(mixed.metrics).toMatchObject({ "groups/dead": 0.5, "rows/count": 8 });
  });

  it("counts groups without variance in the mean, as if their rows had been computed with advantage 0", async () => {
    const own = policy;
    const gradients = async () => [...(await policy.gradients("base")).values()].flatMap((g) => [...g]);
    const aggregates: Aggregate[] = [
      { by: "rollout" },
      { by: "token" },
      { by: "group" },
      { by: "sequence-mean" },
      { by: "constant", length: 5 },
      { by: "sum" },
      { by: "rollout", total: 5 },
    ];
    for (const aggregate of aggregates) {
      policy = await tinyPolicy();
      const groups = [
        await groupOf(() => 0.1, 1),
        await groupOf((sample) => sample / 8, 2),
        await groupOf(() => 1, 3),
      ];
      // A step that is refused keeps nothing; one of rate 0 moves nothing, so the gradients' norm is what can be compared.
      const { metrics } = await update(groups, grpo({ lr: 0, dead: "count", loss: { aggregate } }));
      const rows = groups.flatMap(({ rollouts, task }) => {
        const advantage = advantages.group(
          rollouts.map(({ reward }) => reward ?? Number.NaN),
          rollouts.map(() => task),
        );
        return rollouts.map(({ trajectories: [row], rolloutId: rollout }, i) => ({
          ...{ tokens: row?.tokens ?? [], mask: row?.mask ?? [], advantages: advantage[i] ?? 0 },
          ...{ oldLogprobs: row?.sampledLogprobs ?? [], rollout, group: task },
        }));
      });
      await policy.zeroGradients("base");
      const whole = await policy.forwardBackward(rows, losses.ppoClip({ aggregate }));
      const norm = Math.hypot(...(await gradients()));
      expect(metrics["update/count"]).toBe(1);
      expect(Math.abs((metrics["update/grad_norm"] ?? 0) / norm - 1)).toBeLessThan(1e-5);
      expect(whole.metrics.tokens).toBe(3 * (metrics["update/tokens"] ?? 0));
      await policy.close();
    }
    policy = own;
  });

  it("makes a step of few living groups a smaller one when the dead count, and not when they are dropped", async () => {
    const groups = [
      await groupOf((sample) => sample % 2, 5),
      ...(await Promise.all([6, 7, 8].map((t) => groupOf(() => 0, t)))),
    ];
    const norm = async (dead: "drop" | "count") =>
      (await update(groups, grpo({ lr: 0, dead }))).metrics["update/grad_norm"] ?? Number.NaN;
    const dropped = await norm("drop");
    expect(Math.abs((4 * (await norm("count"))) / dropped - 1)).toBeLessThan(1e-5);
    expect(await norm("drop")).toBe(dropped);
  });

  it("takes no step when all groups are dead and counted, unless another term reads them", async () => {
    const alike = await groupOf(() => 0.1, 1);
    const idle = await update([alike], grpo({ lr: 0, dead: "count" }));
    expect(idle.metrics).toMatchObject({ "update/count": 0, "groups/dead": 1 });
    const loss = { entropy: { coefficient: 0.01 } };
    const read = await update([alike], grpo({ lr: 0, dead: "count", loss }));
    expect(read.metrics).toMatchObject({ "update/count": 1, "groups/dead": 1 });
    const dropped = await update([alike], grpo({ lr: 0, dead: "drop", loss }));
    expect(dropped.metrics["update/count"]).toBe(0);
  });

  it("divides dead groups among updates as it divides the others", async () => {
    const groups = [await groupOf(() => 0, 1), await groupOf((sample) => sample % 2, 2)];
    const { metrics } = await update(groups, grpo({ lr: 0, dead: "count", updates: 2, batches: "split" }));
    expect(metrics["update/count"]).toBe(1);
  });

  it("raises the probability of what was rewarded and lowers that of the rest", async () => {
    const group = await groupOf((sample) => (sample < 4 ? 1 : 0), 3);
    const rows = group.rollouts.map((rollout) => rollout.trajectories[0]?.tokens ?? []);
    const sums = async () =>
      (await policy.score(rows)).map(({ logprobs }) => logprobs.reduce((sum, value) => sum + value, 0));
    const before = await sums();
    await update([group], grpo({ lr: 1e-3, updates: 2 }));
    const change = (await sums()).map((value, i) => value - (before[i] ?? 0));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(change.slice(0, 4))).toBeGreaterThan(mean(change.slice(4)));
  });
});

describe("sft", () => {
  it("learns from rollouts that reach the reward, and from no others", async () => {
    const group = await groupOf((sample) => (sample === 2 ? 1 : 0), 4);
    const rows = group.rollouts.map((rollout) => rollout.trajectories[0]?.tokens ?? []);
    const learner = sft({ lr: 1e-2 });
    const before = (await policy.score(rows)).map(({ logprobs }) => logprobs.at(-1) ?? 0);
    const { metrics } = await learner.update({ policy, adapter: "base", groups: [group], step: 0 });
    expect(metrics["rows/count"]).toBe(1);
    expect((await policy.score(rows))[2]?.logprobs.at(-1)).toBeGreaterThan(before[2] ?? 0);
  });
});
