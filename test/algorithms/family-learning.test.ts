// Each of the family learns a bandit and a task of two turns; with advantages of the opposite sign it loses them again.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Algorithm } from "../../src/algorithms/algorithm.js";
import { grpo } from "../../src/algorithms/grpo.js";
import { algorithms } from "../../src/algorithms/index.js";
import type { LossSequence } from "../../src/policy/losses/loss-inputs.js";
import type { Policy, SampledChoice } from "../../src/policy/policy.js";
import type { RolloutResult, TaskGroup } from "../../src/types/task-group.js";
import type { Transition } from "../../src/types/transition.js";
import { tinyPolicy } from "../trainer/tiny-policy.js";
import { writtenCall, writtenGroup, writtenRow } from "./written-rows.js";

type World = (policy: Policy, seed: number) => Promise<TaskGroup>;
const kSamples = 16;

/** Reward 1 for token 3. */
const bandit: World = async (policy, seed) => {
  const choices = await draw(policy, [0, 1, 2], kSamples, seed);
  return toGroup(choices.map((choice) => ({ calls: [choice], reward: choice.tokens[0] === 3 ? 1 : 0 })));
};

/** Half for token 1, half for token 2 after what the first turn said. */
const twoTurns: World = async (policy, seed) => {
  const first = await draw(policy, [0, 1, 2], kSamples, seed);
  const second = await Promise.all(
    first.map(async ({ prompt, tokens }, i) => {
      const [choice] = await draw(policy, [...prompt, ...tokens, 4, 5], 1, 1000 * seed + i);
      return choice as Drawn;
    }),
  );
  const half = (choice: Drawn | undefined, token: number) => (choice?.tokens[0] === token ? 0.5 : 0);
  return toGroup(
    first.map((choice, i) => ({
      calls: [choice, second[i] as Drawn],
      reward: half(choice, 1) + half(second[i], 2),
    })),
  );
};

interface Drawn extends SampledChoice {
  readonly prompt: readonly number[];
}

async function draw(policy: Policy, prompt: readonly number[], n: number, seed: number): Promise<Drawn[]> {
  const choices = await policy.sample({ prompt, n, maxTokens: 1, seed, ignoreEos: true });
  return choices.map((choice) => ({ ...choice, prompt }));
}

/** The calls of a rollout continue each other: one row. */
function toGroup(drawn: readonly { readonly calls: readonly Drawn[]; readonly reward: number }[]): TaskGroup {
  const group = writtenGroup(
    0,
    drawn.map(({ reward }) => reward),
    (id, sample) => {
      const calls = drawn[sample]?.calls ?? [];
      const last = calls.at(-1);
      const tokens = [...(last?.prompt ?? []), ...(last?.tokens ?? [])];
      const [mask, sampledLogprobs] = [tokens.map(() => 0), tokens.map(() => 0)];
      for (const { prompt, logprobs } of calls) {
        mask[prompt.length] = 1;
        sampledLogprobs[prompt.length] = logprobs[0] ?? 0;
      }
      const transitions = calls.map((call, order): Transition => {
        const { adapter, version, arithmetic } = call;
        const ids = { promptIds: call.prompt, responseIds: [...call.tokens], logprobs: [...call.logprobs] };
        return writtenCall(id, { order, ...ids, adapter, version, arithmetic });
      });
      const row = { tokens, mask: mask.slice(1), sampledLogprobs: sampledLogprobs.slice(1), transitions };
      return [{ ...writtenRow(id), ...row, adapter: last?.adapter ?? null }];
    },
  );
  return group;
}

/** The policy as an algorithm sees it, with advantages of the opposite sign. */
function negated(policy: Policy): Policy {
  const flip = (advantages: LossSequence["advantages"] = 0) =>
    typeof advantages === "number" ? -advantages : Array.from(advantages, (value) => -value);
  return {
    ...policy,
    forwardBackward: (sequences, loss, options) =>
      policy.forwardBackward(
        sequences.map((sequence) => ({ ...sequence, advantages: flip(sequence.advantages) })),
        loss,
        options,
      ),
  };
}

async function rewardAfter(
  [policy, world]: readonly [Policy, World],
  algorithm: Algorithm,
  enough: (reward: number) => boolean,
  seenBy: (policy: Policy) => Policy = (same) => same,
): Promise<number> {
  let reward = Number.NaN;
  for (let step = 0; step < 150 && !enough(reward); step++) {
    const group = await world(policy, step + 1);
    reward = meanOf(group.rollouts);
    await algorithm.update({ policy: seenBy(policy), adapter: "base", step, groups: [group] });
  }
  return reward;
}

function meanOf(rollouts: readonly RolloutResult[]): number {
  return rollouts.reduce((sum, { reward }) => sum + (reward ?? Number.NaN), 0) / rollouts.length;
}

const ratio = { groupSize: kSamples, lr: 1e-2, updates: 2 };
const onPolicy = { groupSize: kSamples, lr: 1e-2 };
const family: readonly [string, () => Algorithm][] = [
  ["grpo", () => grpo(ratio)],
  ["drGrpo", () => algorithms.drGrpo({ ...ratio, length: 2 })],
  ["rloo", () => algorithms.rloo(onPolicy)],
  ["reinforcePlusPlus", () => algorithms.reinforcePlusPlus(ratio)],
  ["reinforcePlusPlus with baseline", () => algorithms.reinforcePlusPlus({ ...ratio, baseline: true })],
  ["gspo", () => algorithms.gspo(ratio)],
  ["cispo", () => algorithms.cispo(ratio)],
  ["sapo", () => algorithms.sapo(ratio)],
  ["gmpo", () => algorithms.gmpo(ratio)],
  ["dppo", () => algorithms.dppo(ratio)],
  ["opo", () => algorithms.opo(onPolicy)],
  ["maxRl", () => algorithms.maxRl(ratio)],
  ["gpg", () => algorithms.gpg(onPolicy)],
];
const worlds: readonly [string, World][] = [
  ["a bandit of sixteen arms", bandit],
  ["a task of two turns", twoTurns],
];

describe.each(worlds)("on %s", (_, world) => {
  it.each(family)(
    "%s reaches reward 0.95, and with negated advantages loses it again",
    { timeout: 60_000 },
    async (_name, algorithm) => {
      await using policy = await tinyPolicy();
      const place = [policy, world] as const;
      expect(await rewardAfter(place, algorithm(), (reward) => reward >= 0.95)).toBeGreaterThanOrEqual(0.95);
      expect(await rewardAfter(place, algorithm(), (reward) => reward <= 0.5, negated)).toBeLessThanOrEqual(
        0.5,
      );
    },
  );
});

describe("passAtK", () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await tinyPolicy();
  });
  afterAll(() => policy.close());

  it("learns the bandit until a group has one right answer, and says nothing where several are", {
    timeout: 60_000,
  }, async () => {
    const learner = algorithms.passAtK(onPolicy);
    const rewards: number[] = [];
    for (let step = 0; step < 60; step++) {
      const group = await bandit(policy, step + 1);
      const right = group.rollouts.filter(({ reward }) => reward === 1).length;
      const { metrics } = await learner.update({ policy, adapter: "base", step, groups: [group] });
      expect(metrics["update/count"]).toBe(right === 1 ? 1 : 0);
      rewards.push(right > 0 ? 1 : 0);
    }
    const share = (from: number) => rewards.slice(from, from + 20).reduce((sum, one) => sum + one, 0) / 20;
    expect(share(40)).toBeGreaterThanOrEqual(Math.max(0.75, share(0)));
  });
});
