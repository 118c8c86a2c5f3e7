// A trainer's rewards: when they are given, of what, and what becomes of groups of which one fails.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import { llm } from "../../../src/llm/llm.js";
import type { Policy } from "../../../src/policy/policy.js";
import { rewards } from "../../../src/reward/index.js";
import { rollout } from "../../../src/tracing/context.js";
import { emitReward } from "../../../src/tracing/emit.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import type { Agent } from "../../../src/types/agent.js";
import type { Reward, RewardGroup } from "../../../src/types/reward.js";
import type { TaskGroup } from "../../../src/types/task-group.js";
import { modelServer } from "../../llm/model-server.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = async (content: string) => {
  await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] });
};
const silent: Agent<string> = (task) => ask(task);

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

/** A trainer whose algorithm learns nothing and notes the groups that it is given. */
function start(given: readonly Reward<string>[], more: Partial<TrainerOptions<string>> = {}) {
  const groups: TaskGroup[][] = [];
  const update = async (context: { readonly groups: readonly TaskGroup[] }) => {
    groups.push([...context.groups]);
    return { metrics: {} };
  };
  const trainer = createTrainer<string>({
    ...{
      policy,
      algorithm: { ...grpo({ groupSize: 2, lr: 0 }), update },
      sampling: { maxTokens: 3 },
      rewards: given,
    },
    agent: (task) => ask(task).then(() => 1),
    ...more,
  });
  return { trainer, groups };
}

/** Scores 0.25 the first rollout, 0.75 the second. */
const ranks = (more: Partial<Reward<string>> = {}): Reward<string> => ({
  ...{ name: "rank", kind: "outcome" },
  score: ({ rollouts }) => rollouts.map(({ sample }) => ({ score: 0.25 + sample / 2 })),
  ...more,
});

describe("rewards of a trainer", () => {
  it("see each task's group, and add to what the agent earned", async () => {
    const seen: RewardGroup<string>[] = [];
    const watch = ranks({
      weight: 2,
      score: (group, { signal }) => {
        expect([rollout(), signal.aborted]).toEqual([undefined, false]);
        seen.push(group);
        return group.rollouts.map(({ sample }) => ({ score: 0.25 + sample / 2 }));
      },
    });
    const { trainer, groups } = start([watch]);
    const { rollouts, metrics } = await trainer.step(["ab", "cd"]);
    expect(seen.map(({ task, rollouts: views }) => [task, views.map(({ sample }) => sample)])).toEqual([
      ["ab", [0, 1]],
      ["cd", [0, 1]],
    ]);
    const saw = [{ role: "user", content: "ab" }];
    expect(seen[0]?.rollouts[0]).toMatchObject({ reward: 1, outcome: "ok", calls: [{ messages: saw }] });
    expect(rollouts.map(({ reward, parts }) => [reward, parts])).toEqual(
      [1.5, 2.5, 1.5, 2.5].map((reward) => [reward, { agent: 1, rank: (reward - 1) / 2 }]),
    );
    const given = groups[0]?.map((group) => group.rollouts.map(({ reward }) => reward));
    expect(given).toEqual([
      [1.5, 2.5],
      [1.5, 2.5],
    ]);
    expect(metrics).toMatchObject({ "reward/mean": 2, "reward/part/agent": 1, "reward/part/rank": 0.5 });
    expect(metrics["time/rewards"]).toBeGreaterThanOrEqual(0);
    await trainer.close();
  });

  it("in evaluations are those that are always given, summed; in dev, too", async () => {
    const given = [ranks(), ranks({ name: "costly", when: "train" })];
    const { trainer } = start(given, { combine: "normalize" });
    const { reward, metrics } = await trainer.evaluate(["ab"], { samples: 2 });
    expect([reward, metrics["eval/reward/part/rank"]]).toEqual([1.5, 0.5]);
    expect(metrics).not.toHaveProperty("eval/reward/part/costly");
    const step = await trainer.step(["ab"]);
    expect(step.metrics).toMatchObject({ "reward/part/costly": 0.5 });
    // The agent's part is the same for both; the two others are a deviation of sqrt(1/2) each.
    expect(step.rollouts[0]?.reward).toBeCloseTo(-Math.SQRT2, 3);
    expect((await trainer.dev("ab")).result).toMatchObject({ reward: 1.25, parts: { agent: 1, rank: 0.25 } });
    await trainer.close();
  });

  it("may be all that there is: an agent need not return one, but for an evaluation without them", async () => {
    const { trainer } = start([ranks({ when: "train" })], { agent: silent });
    expect((await trainer.step(["ab"])).rollouts).toMatchObject([
      { outcome: "ok", reward: 0.25, parts: { rank: 0.25 }, error: null },
      { outcome: "ok", reward: 0.75, parts: { rank: 0.75 }, error: null },
    ]);
    await expect(trainer.evaluate(["ab"])).rejects.toThrow(/no-reward/);
    await trainer.close();
  });

  it.each<[string, Reward<string>["score"], RegExp]>([
    [
      "rejects",
      () => Promise.reject(new Error("ill")),
      /^reward rank: expected scores of the group, got ill$/,
    ],
    ["gives too few", () => [], /one score for each of 2 rollouts/],
    ["gives no number", () => [{ score: Number.NaN }, { score: 1 }], /score 0 to be finite or null/],
    [
      "scores another's call",
      () => Array(2).fill({ score: 1, calls: [{ spanId: "x", score: 1 }] }),
      /calls of rollout 0/,
    ],
    ["says nothing", () => Array(2).fill({ score: null }), /no reward of the trainer's said anything/],
  ])("one that %s drops its group alone, which says why and is counted", async (_of, score, why) => {
    const failing = ranks({
      score: (group, context) =>
        group.task === "ab" ? score(group, context) : ranks().score(group, context),
    });
    const { trainer, groups } = start([failing], { agent: silent });
    const { rollouts, metrics } = await trainer.step(["ab", "cd"]);
    const dropped = { outcome: "unscored", reward: null, parts: {}, error: expect.stringMatching(why) };
    expect(rollouts.slice(0, 2)).toMatchObject([dropped, dropped]);
    expect(rollouts.slice(2).map(({ reward }) => reward)).toEqual([0.25, 0.75]);
    expect(metrics).toMatchObject({ "rollouts/unscored": 2, "rollouts/excluded": 2 });
    expect(groups[0]?.map((group) => group.rollouts.length)).toEqual([0, 2]);
    await expect(trainer.step(["ab"])).rejects.toMatchObject({
      code: "E_ROLLOUT",
      message: expect.stringMatching(/2 unscored/),
    });
    await trainer.close();
  });

  it("have the deadline of a rollout, and end with the run", async () => {
    let begun = (): void => undefined;
    const hangs = ranks({
      score: () => {
        begun();
        return new Promise(() => undefined);
      },
    });
    const late = start([hangs, ranks({ name: "other" })], { timeoutMs: 1500 });
    await expect(late.trainer.step(["ab"])).rejects.toThrow(/reward rank: .* none within 1500 ms/);
    await late.trainer.close();
    const patient = start([hangs], { timeoutMs: null });
    const stop = new AbortController();
    begun = () => stop.abort(new Error("enough"));
    await expect(patient.trainer.step(["ab"], { signal: stop.signal })).rejects.toThrow("enough");
    await patient.trainer.close();
  });

  it("of calls stay with their call, beside what it emitted", async () => {
    const twice: Agent<string> = async (task) => {
      await ask(task);
      emitReward(0.5);
      await ask(`${task}a`);
      return 1;
    };
    const steps: Reward<string> = {
      ...{ name: "steps", kind: "process", weight: 2 },
      score: ({ rollouts }) =>
        rollouts.map(({ calls }) => ({
          score: null,
          calls: calls.map(({ spanId }, i) => ({ spanId, score: i + 1 })),
        })),
    };
    const { trainer, groups } = start([steps], { agent: twice });
    const { rollouts } = await trainer.step(["ab"]);
    expect(rollouts[0]).toMatchObject({ reward: 1, parts: { agent: 1, steps: 3 } });
    const calls = groups[0]?.[0]?.rollouts[0]?.trajectories.flatMap(({ transitions }) => transitions);
    expect(calls?.toSorted((a, b) => a.order - b.order).map(({ reward }) => reward)).toEqual([2.5, 4]);
    await trainer.close();
  });

  it("ask a judge at its provider, though its host is one that the policy answers for", async () => {
    const scores = [1, 2].map((id) => ({ id, explanation: "so", score: id / 2 }));
    await using server = await modelServer(() => JSON.stringify({ scores }));
    const model = llm({ baseURL: server.baseURL, model: "judge", retries: 0 });
    let nth = 0;
    const { trainer } = start([rewards.judge({ llm: model })], {
      routes: { hosts: [new URL(server.baseURL).host] },
      agent: (task) => ask(`${task}${"abcdefgh"[nth++ % 8]}`),
    });
    const { rollouts } = await trainer.step(["ab"]);
    expect(rollouts.map(({ reward }) => reward).toSorted()).toEqual([0.5, 1]);
    expect([server.asked.length, model.usage.answers]).toEqual([1, 1]);
    await trainer.close();
  });

  it.each<[string, unknown]>([
    ["one that is no list", ranks()],
    ["one that was not made", [rewards.signals]],
    ["two of a name", [ranks(), ranks()]],
    ["the agent's name", [ranks({ name: "agent" })]],
    ["another kind", [{ ...ranks(), kind: "step" }]],
    ["a weight that is none", [ranks({ weight: Number.NaN })]],
    ["another time", [{ ...ranks(), when: "never" }]],
  ])("refuse %s", (_of, given) => {
    expect(() => start(given as never)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});
