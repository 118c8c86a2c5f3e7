import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import { createLearningRate, defaultLearningRate } from "../../src/algorithms/learning-rate.js";
import { sft } from "../../src/algorithms/sft.js";
import type { Policy } from "../../src/policy/policy.js";
import type { RolloutResult, TaskGroup } from "../../src/types/task-group.js";
import type { Trajectory } from "../../src/types/transition.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

/** Eight samples of one prompt, rewarded by `reward`, as one group. */
async function groupOf(reward: (sample: number) => number, task = 0): Promise<TaskGroup> {
  const prompt = [0, 1, 2];
  const choices = await policy.sample({ prompt, n: 8, maxTokens: 5, seed: task, ignoreEos: true });
  const rollouts = choices.map((choice, sample): RolloutResult => {
    const tokens = [...prompt, ...choice.tokens];
    const trajectory: Trajectory = {
      rolloutId: `ro-${task}-${sample}`,
      attemptId: "at-0",
      agent: "*",
      tokens,
      mask: tokens.slice(1).map((_, i) => (i + 1 >= prompt.length ? 1 : 0)),
      sampledLogprobs: [...prompt.slice(1).map(() => 0), ...choice.logprobs],
      temperature: 1,
      adapter: choice.adapter,
      transitions: [
        {
          ...{
            rolloutId: `ro-${task}-${sample}`,
            attemptId: "at-0",
            spanId: "0",
            responseId: null,
            agent: "*",
          },
          ...{
            promptIds: prompt,
            responseIds: [...choice.tokens],
            logprobs: [...choice.logprobs],
            temperature: 1,
          },
          ...{ adapter: choice.adapter, version: choice.version, arithmetic: choice.arithmetic },
          ...{ finishReason: choice.finishReason, reward: null },
        },
      ],
    };
    return {
      ...{
        rolloutId: trajectory.rolloutId,
        attemptId: "at-0",
        task,
        sample,
        outcome: "ok",
        reward: reward(sample),
      },
      ...{ error: null, trajectories: [trajectory], modelCalls: 1, seconds: 0 },
    };
  });
  return { task, rollouts };
}

const update = (groups: readonly TaskGroup[], algorithm = grpo({ lr: 1e-3 })) =>
  algorithm.update({ policy, adapter: "base", groups, step: 0 });

describe("grpo", () => {
  it("compares every sampled token with its training log-probability, bit for bit", async () => {
    const { metrics } = await update([await groupOf((sample) => sample % 2)]);
    expect(metrics).toMatchObject({
      "exact/compared": 40,
      "exact/stale": 0,
      "update/count": 1,
      "update/ratioMean": 1,
    });
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
    const optimizer = { betas: [2, 3] } as const;
    const gradients = async () => [...(await policy.gradients("base")).values()].flatMap((g) => [...g]);
    const update = { policy, adapter: "base", step: 0, groups: [await groupOf((sample) => sample % 2)] };
    for (const algorithm of [grpo({ optimizer }), sft({ optimizer })]) {
      await expect(algorithm.update(update)).rejects.toMatchObject({ code: "E_ARGUMENT" });
      expect((await gradients()).every((value) => value === 0)).toBe(true);
    }
  });

  it("refuses options that it would not follow", () => {
    const wrong = expect.objectContaining({ code: "E_ARGUMENT" });
    expect(() => grpo({ batches: "halves" as never })).toThrow(wrong);
    expect(() => grpo({ schedule: "linear" as never })).toThrow(wrong);
    expect(() => sft({ schedule: "cosine", totalUpdates: -5 })).toThrow(wrong);
  });

  it("scores rows of an older version first, and does not compare them", async () => {
    const group = await groupOf((sample) => sample % 2);
    await update([group]);
    const { metrics } = await update([group]);
    expect(metrics).toMatchObject({ "exact/compared": 0, "exact/stale": 40, "update/ratioMean": 1 });
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

describe("the learning rate", () => {
  it("falls with the width, and never exceeds what the quickstart learns with", () => {
    expect(defaultLearningRate(128)).toBe(3e-3);
    expect(defaultLearningRate(2000)).toBeCloseTo(5e-5, 12);
    expect(defaultLearningRate(4096)).toBeLessThan(2e-5);
  });

  it("warms up linearly and follows the cosine to zero", () => {
    const rate = createLearningRate("test", { lr: 1, warmup: 4, schedule: "cosine", totalUpdates: 8 });
    expect([0, 1, 2, 3].map((i) => rate(i, 128))).toEqual([0.25, 0.5, 0.75, 1]);
    expect(rate(6, 128)).toBeCloseTo(0.5, 12);
    expect(rate(8, 128)).toBeCloseTo(0, 12);
    expect(() => createLearningRate("test", { schedule: "cosine" })).toThrow(/totalUpdates/);
  });
});
