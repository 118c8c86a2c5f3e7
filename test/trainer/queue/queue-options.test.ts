// What a trainer with runners asks for, says and does while nobody works for it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "../../../src/policy/policy.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { createRolloutKeys } from "../../../src/tracing/rollout-keys.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import { checkJsonTask } from "../../../src/trainer/queue/json-task.js";
import type { Agent } from "../../../src/types/agent.js";
import { tinyPolicy } from "../tiny-policy.js";
import { act, dialogue, queueTrainer, startRunner } from "./runners.js";

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy({ contextLength: 96 });
});
afterAll(() => policy.close());

async function warningsDuring(run: () => Promise<unknown>): Promise<string[]> {
  const warnings: string[] = [];
  const hear = (warning: Error & { code?: string }) => {
    if (warning.code === "AGL_RUNNERS") warnings.push(warning.message);
  };
  process.on("warning", hear);
  try {
    await run();
    await new Promise(setImmediate);
  } finally {
    process.off("warning", hear);
  }
  return warnings;
}

describe("a trainer with runners", { timeout: 30_000 }, () => {
  it("needs an address, and is the only one that needs no agent", () => {
    expect(() => createTrainer({ policy, runners: "queue" })).toThrow(
      /listen with runners: "queue", got undefined; give listen/,
    );
    expect(() => createTrainer({ policy, listen: { port: 0 } })).toThrow(/agent to be a function/);
    expect(() => createTrainer({ policy, agent: () => 1, runners: "there" as never })).toThrow(
      /runners to be "here" or "queue"/,
    );
    expect(() => queueTrainer(policy, createMemoryStore(), { claimTimeoutMs: 0 })).toThrow(/claimTimeoutMs/);
  });

  it("refuses a task that JSON would change before it queues any", async () => {
    const store = createMemoryStore();
    await using trainer = queueTrainer<unknown>(policy, store);
    await expect(trainer.step([{ a: 1 }, { at: [new Date(0)] }])).rejects.toMatchObject({
      code: "E_ARGUMENT",
      message: expect.stringContaining("task 1.at[0] to survive JSON"),
    });
    expect((await store.queryRollouts()).total).toBe(0);
  });

  it.each<[unknown, string]>([
    [Number.NaN, "task 3"],
    [{ a: { b: -0 } }, "task 3.a.b"],
    [[1, undefined], "task 3[1]"],
    [new Array(1), "task 3[0]"],
    [new Map(), "task 3"],
    [{ f: () => 1 }, "task 3.f"],
    [{ big: 1n }, "task 3.big"],
    [Object.assign({}, { toJSON: () => 1 }), "task 3"],
  ])("takes no %s", (task, path) => {
    expect(() => checkJsonTask("trainer", task, 3)).toThrow(`expected ${path} to survive JSON`);
  });

  it("takes what JSON keeps, and properties that are undefined, and refuses loops", () => {
    const bare: object = Object.assign(Object.create(null), { a: [1, "b", null, true, {}] });
    const twice = { x: bare, y: bare, left: undefined };
    expect(() => checkJsonTask("trainer", twice, 0)).not.toThrow();
    const loop: Record<string, unknown> = {};
    loop.self = { loop };
    expect(() => checkJsonTask("trainer", loop, 0)).toThrow("task 0.self.loop");
  });

  it("says once that no runner is there, goes on when one comes, and says nothing then", async () => {
    const store = createMemoryStore();
    await using trainer = queueTrainer<string>(policy, store, { claimTimeoutMs: 30 });
    const warnings = await warningsDuring(async () => {
      const step = trainer.step(["abc"]);
      await new Promise((resolve) => process.once("warning", resolve));
      await using _runner = startRunner(store, dialogue);
      expect((await step).rollouts.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok"]);
    });
    expect(warnings).toEqual([
      expect.stringMatching(/no runner has taken any of the 4 rollouts.*agl runner/),
    ]);
  });

  it("goes on with the survivors when nothing has got on for the time of all attempts", async () => {
    const store = createMemoryStore();
    await using trainer = queueTrainer<string>(policy, store, { timeoutMs: 1000 });
    const { url } = await trainer.listening();
    const working = act<string>(store, 2, async ({ rolloutId, attempt, input }) => {
      // The rest of the queue is left alone.
      if (input === "left") return;
      await fetch(`${url}/rollout/${rolloutId}/attempt/${attempt.attemptId}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: input }] }),
      });
      const span = {
        spanId: "1".repeat(16),
        traceId: "1".repeat(32),
        parentId: null,
        name: "agentlightning.annotation",
      };
      const attributes = { "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": 1 };
      const status = { code: "OK", description: null } as const;
      const rest = { status, events: [], startTime: 1, endTime: 1, sequenceId: 50, rolloutId };
      await store.addSpans([{ ...span, ...rest, attributes, attemptId: attempt.attemptId }]);
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "succeeded" });
    });
    const [report] = await Promise.all([trainer.evaluate(["abc", "left", "left", "left"]), working]);
    expect(report.rollouts.map(({ outcome }) => outcome)).toEqual(["ok", "timeout", "timeout", "timeout"]);
    expect(report.rollouts[3]!.error).toMatch(
      /no runner has taken or ended any rollout of the batch for 3000 ms/,
    );
    expect((await store.queryRollouts({ statusIn: ["queuing", "running", "preparing"] })).total).toBe(0);
  });

  it("cancels what is queued when it is aborted or closed", async () => {
    const store = createMemoryStore();
    await using trainer = queueTrainer<string>(policy, store);
    const abort = new AbortController();
    const step = trainer.step(["abc"], { signal: abort.signal });
    await expect.poll(async () => (await store.queryRollouts()).total).toBe(4);
    abort.abort(new Error("enough"));
    await expect(step).rejects.toThrow("enough");
    const closed = trainer.step(["abc"]);
    await expect.poll(async () => (await store.queryRollouts()).total).toBe(8);
    await trainer.close();
    await expect(closed).rejects.toMatchObject({ code: "E_CLOSED" });
    const { items } = await store.queryRollouts();
    expect(items.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => "cancelled"));
  });

  it("names its address in the resources, beside those that are there, once", async () => {
    const store = createMemoryStore();
    const prompt = { resourceType: "prompt_template", template: "t", engine: "jinja" } as const;
    await store.addResources({ prompt });
    await using trainer = queueTrainer<string>(policy, store, { listen: { port: 0, key: "secret" } });
    const { url } = await trainer.listening();
    const keys = createRolloutKeys("secret");
    const given: [string | undefined, string][] = [];
    const agent: Agent<string> = (task, { rolloutId, attemptId, endpoint }) => {
      given.push([endpoint.env.AGL_KEY, keys.keyOf(rolloutId, attemptId)]);
      return dialogue(task);
    };
    await using _runner = startRunner(store, agent);
    await trainer.step(["abc"]);
    await trainer.step(["abc"]);
    expect(given.length).toBe(8);
    for (const [key, own] of given) expect(key).toBe(own);
    const main_llm = {
      ...{ resourceType: "proxy_llm", endpoint: `${url}/v1`, model: "policy", apiKey: keys.callsKey },
      samplingParameters: {},
    };
    const { items } = await store.queryResources();
    expect(items.map(({ resources }) => resources)).toEqual([{ prompt }, { prompt, main_llm }]);
  });
});
