// What the store has of a trainer's rollouts, and what their results say.
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { emitMessage } from "../../../src/tracing/emit.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import type { SpanDraft } from "../../../src/types/span.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = () =>
  client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "abc" }] });

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

function start(agent: (task: never) => unknown, more: Partial<TrainerOptions<unknown>> = {}) {
  const store = createMemoryStore();
  const trainer = createTrainer<unknown>({
    ...{ policy, store, agent: agent as never, sampling: { maxTokens: 2 } },
    algorithm: grpo({ groupSize: 2, lr: 0 }),
    ...more,
  });
  return { store, trainer };
}

it("the store has each rollout with its task, its place in the run, what its prompts depend on, and its spans", async () => {
  const agent = async (task: { id: string }) => {
    await ask();
    emitMessage("a note");
    task.id = "changed";
    return 0.5;
  };
  const { store, trainer } = start(agent, { date: "2020-01-02", concurrency: 1 });
  const { rollouts } = await trainer.step([{ id: "x" }, { id: "y" }]);
  const { items } = await store.queryRollouts();
  expect(
    items.map(({ input, mode, status, config }) => [input, mode, status, config.timeoutSeconds]),
  ).toEqual(["x", "x", "y", "y"].map((id) => [{ id }, "train", "succeeded", null]));
  const run = items[0]?.metadata.run;
  expect(run).toMatch(/^[0-9a-f-]{36}$/);
  expect(items.map(({ metadata }) => metadata)).toEqual(
    [0, 0, 1, 1].map((task, i) => ({ run, step: 0, task, sample: i % 2, date: "2020-01-02", template: {} })),
  );
  for (const [i, { rolloutId }] of items.entries()) {
    const attempt = await store.getLatestAttempt(rolloutId);
    expect(attempt).toMatchObject({
      status: "succeeded",
      workerId: "trainer-0",
      metadata: { outcome: "ok" },
    });
    expect(attempt?.metadata).not.toHaveProperty("error");
    const spans = (await store.querySpans(rolloutId)).items;
    expect(spans.map(({ name, sequenceId, attemptId }) => [name, sequenceId, attemptId])).toEqual([
      ["openai.chat.completion", 1, attempt?.attemptId],
      ["agentlightning.message", 2, attempt?.attemptId],
    ]);
    expect(rollouts[i]).toMatchObject({
      ...{ rolloutId, attemptId: attempt?.attemptId, task: i >> 1, sample: i % 2 },
      ...{ outcome: "ok", reward: 0.5, error: null, modelCalls: 1, refusedCalls: 0, unseenCalls: 0 },
    });
    expect(rollouts[i]?.trajectories).toHaveLength(1);
    expect(rollouts[i]?.seconds).toBeGreaterThan(0);
  }
  await trainer.evaluate([{ id: "v" }]);
  expect((await store.queryRollouts({ mode: "val" })).items.map(({ metadata }) => metadata.step)).toEqual([
    1,
  ]);
  await trainer.close();
});

it.each<[string, () => unknown, string, object]>([
  ["throws", () => Promise.reject(new Error("broke")), "failed", { outcome: "error", error: "Error: broke" }],
  [
    "never ends",
    () => new Promise(() => undefined),
    "timeout",
    { outcome: "timeout", error: expect.any(String) },
  ],
  ["earns nothing", () => undefined, "succeeded", { outcome: "no-reward", error: expect.any(String) }],
])("the attempt of an agent that %s after its call says so", async (_, end, status, metadata) => {
  const agent = async () => {
    await ask();
    return await end();
  };
  const { store, trainer } = start(agent, { timeoutMs: 500 });
  const { result } = await trainer.dev("a");
  const attempt = await store.getLatestAttempt(result.rolloutId);
  expect([attempt?.status, attempt?.metadata]).toEqual([status, metadata]);
  await trainer.close();
});

it("a rollout that is cancelled is so in the store, and its error is shown to redact before that of others", async () => {
  const abort = new AbortController();
  const agent = () => {
    abort.abort(new Error("enough"));
    return new Promise(() => undefined);
  };
  const { store, trainer } = start(agent);
  await expect(trainer.dev("a", { signal: abort.signal })).rejects.toThrow("enough");
  expect((await store.queryRollouts()).items.map(({ status }) => status)).toEqual(["cancelled"]);
  await trainer.close();
  const secret = start(() => Promise.reject(new Error("hunter2")), { redact: () => null });
  const { result } = await secret.trainer.dev("a");
  expect(result.error).toBe("(kept out by redact)");
  await secret.trainer.close();
});

it("what went well has no error that redact is shown", async () => {
  const shown: string[] = [];
  const redact = (span: SpanDraft) => {
    shown.push(span.name);
    return span;
  };
  const { trainer } = start(() => ask().then(() => 1), { redact });
  expect((await trainer.dev("a")).result.error).toBe(null);
  expect(shown).toContain("openai.chat.completion");
  expect(shown).not.toContain("agentlightning.attempt");
  await trainer.close();
});
