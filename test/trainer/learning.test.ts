// GRPO learns: a bandit of sixteen arms and a task of two turns, through the openai package and the whole loop.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Algorithm } from "../../src/algorithms/algorithm.js";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed" });
const ask = async (messages: OpenAI.ChatCompletionMessageParam[]) =>
  (await client.chat.completions.create({ model: "m", messages, max_tokens: 1 })).choices[0]?.message
    .content ?? "";

/** Reward 1 for the letter d. */
const bandit = async (task: string) => (await ask([{ role: "user", content: task }])) === "d";

/** Half for b, half for answering the reply with c. */
const twoTurns = async (task: string) => {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: task }];
  const first = await ask(messages);
  messages.push({ role: "assistant", content: first }, { role: "user", content: "ef" });
  const second = await ask(messages);
  return (first === "b" ? 0.5 : 0) + (second === "c" ? 0.5 : 0);
};

/** The same algorithm on rewards of the opposite sign. */
function negated(algorithm: Algorithm): Algorithm {
  return {
    ...algorithm,
    update: (context) =>
      algorithm.update({
        ...context,
        groups: context.groups.map((group) => ({
          ...group,
          rollouts: group.rollouts.map((rollout) => ({ ...rollout, reward: -(rollout.reward ?? 0) })),
        })),
      }),
  };
}

describe.each([
  ["a bandit of sixteen arms", bandit],
  ["a task of two turns", twoTurns],
])("GRPO on %s", (_, agent) => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await tinyPolicy();
  });
  afterAll(() => policy.close());

  it("reaches reward 0.95, and with negated advantages loses it again", { timeout: 60_000 }, async () => {
    const options = { policy, agent, sampling: { maxTokens: 1 }, seed: 3 };
    const tasks = ["abc", "cab", "bca", "acb"];
    const rewardAfter = async (algorithm: Algorithm, enough: (reward: number) => boolean) => {
      await using trainer = createTrainer({ ...options, algorithm });
      let reward = Number.NaN;
      for (let step = 0; step < 60 && !enough(reward); step++) {
        reward = (await trainer.step(tasks)).metrics["reward/mean"] ?? Number.NaN;
      }
      return reward;
    };
    const algorithm = () => grpo({ groupSize: 16, lr: 1e-2, updates: 2 });
    expect(await rewardAfter(algorithm(), (reward) => reward >= 0.95)).toBeGreaterThanOrEqual(0.95);
    expect(await rewardAfter(negated(algorithm()), (reward) => reward <= 0.5)).toBeLessThanOrEqual(0.5);
  });
});
