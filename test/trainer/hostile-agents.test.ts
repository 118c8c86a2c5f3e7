// Agents, listeners and closings that misbehave: what belongs to one rollout stays in it, what belongs to all ends the step.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../src/trainer/trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const request = { model: "m", messages: [{ role: "user" as const, content: "abc" }] };
const ask = () => client.chat.completions.create(request);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy();
});
afterAll(() => policy.close());

const trainerOf = (agent: () => unknown, more: Partial<TrainerOptions<string>> = {}) =>
  createTrainer<string>({
    policy,
    agent: agent as never,
    algorithm: grpo({ groupSize: 2, lr: 0 }),
    sampling: { maxTokens: 4 },
    timeoutMs: 3000,
    ...more,
  });

const unreadable = () => {
  throw new Error("unreadable");
};
const thrown: readonly (readonly [string, unknown, string])[] = [
  ["undefined", undefined, "undefined"],
  ["an object without prototype", Object.create(null), "object Object"],
  ["a proxy whose traps throw", new Proxy({}, { get: unreadable, getPrototypeOf: unreadable }), "read"],
  [
    "an error whose message throws",
    Object.defineProperty(new Error(), "message", { get: unreadable }),
    "read",
  ],
];

describe("a step", () => {
  it.each(thrown)("goes on when an agent throws %s, and says what it can", async (_, value, said) => {
    await using trainer = trainerOf(async () => {
      await ask();
      throw value;
    });
    const { rollouts } = await trainer.step(["a"]);
    expect(rollouts.map(({ outcome, reward }) => ({ outcome, reward }))).toEqual([
      { outcome: "error", reward: 0 },
      { outcome: "error", reward: 0 },
    ]);
    expect(rollouts[0]?.error).toContain(said);
  });

  it("tells no error, to the store or to whoever listens, before redact has seen it", async () => {
    const store = createMemoryStore();
    const redact: TrainerOptions<string>["redact"] = (span) => ({
      ...span,
      status: { ...span.status, description: span.status.description?.replaceAll("hunter2", "***") ?? null },
    });
    const agent = async () => {
      await ask();
      throw new Error("hunter2 was wrong");
    };
    await using trainer = trainerOf(agent, { store, redact });
    const { rollouts } = await trainer.step(["a"]);
    expect(rollouts.map(({ error }) => error)).toEqual(["Error: *** was wrong", "Error: *** was wrong"]);
    const attempt = await store.getLatestAttempt(rollouts[0]!.rolloutId);
    expect(attempt?.metadata).toEqual({ outcome: "error", error: "Error: *** was wrong" });
  });

  it("goes on when a rollout leaves a rejection or a failing timer behind, as an error with its message", async () => {
    let agents = 0;
    await using trainer = trainerOf(
      async () => {
        const number = agents++;
        await ask();
        if (number === 0) void Promise.reject(new Error("a stray rejection"));
        if (number === 1) setTimeout(unreadable, 1);
        await pause(30);
        return number;
      },
      { algorithm: grpo({ groupSize: 4, lr: 0 }) },
    );
    const { rollouts } = await trainer.step(["a"]);
    const ends = rollouts.map(({ outcome, reward, error }) => [outcome, reward, error]);
    expect(ends.toSorted()).toEqual([
      ["error", 0, "Error: a stray rejection"],
      ["error", 0, "Error: unreadable"],
      ["ok", 2, null],
      ["ok", 3, null],
    ]);
  });

  it.each(["step", "evaluate", "dev"] as const)(
    "%s gives each rollout the task as it was, whatever agents do to theirs",
    async (call) => {
      const prompts: string[] = [];
      type Chat = { messages: { role: "user"; content: string }[] };
      const agent = async ({ messages }: Chat) => {
        prompts.push(messages.map(({ content }) => content).join());
        messages.push({ role: "user", content: "b" });
        const { choices } = await client.chat.completions.create({ model: "m", messages });
        messages.push({ role: "user", content: choices[0]?.message.content ?? "" });
        return messages.length;
      };
      await using trainer = createTrainer<Chat>({ policy, agent, algorithm: grpo({ groupSize: 3, lr: 0 }) });
      const task: Chat = { messages: [{ role: "user", content: "a" }] };
      for (let epoch = 0; epoch < 2; epoch++)
        await (call === "dev" ? trainer.dev(task) : trainer[call]([task, task]));
      expect(new Set(prompts)).toEqual(new Set(["a"]));
      expect(task).toEqual({ messages: [{ role: "user", content: "a" }] });
    },
  );

  it("rejects with E_CLOSED when its policy is closed meanwhile, instead of blaming a provider", async () => {
    await using own = await tinyPolicy();
    await using trainer = trainerOf(
      async () => {
        await ask();
        await own.close();
        await ask();
        return 1;
      },
      { policy: own },
    );
    await expect(trainer.step(["a"])).rejects.toMatchObject({ code: "E_CLOSED" });
    await expect(trainer.evaluate(["a"])).rejects.toMatchObject({ code: "E_CLOSED" });
  });

  it("rejects with the trainer's own closing, not with that of its store", async () => {
    const trainer = trainerOf(async () => {
      await ask();
      await pause(1000);
    });
    const step = trainer.step(["a", "b"]);
    await pause(50);
    await Promise.all([expect(step).rejects.toThrow("the trainer was closed"), trainer.close()]);
  });

  it.each([
    ["throws", unreadable, "unreadable"],
    ["returns nothing", () => undefined as never, "redact: expected a span or null"],
  ])("rejects when redact %s, for streamed calls too", async (_, redact, said) => {
    await using trainer = trainerOf(
      async () => {
        for await (const _chunk of await client.chat.completions.create({ ...request, stream: true }));
        return 1;
      },
      { redact },
    );
    await expect(trainer.step(["a"])).rejects.toThrow(said);
  });

  it("leaves no call of its agents to the provider, also after its last rollout", async () => {
    let late: Promise<unknown> | undefined;
    await using trainer = trainerOf(async () => {
      await ask();
      late = pause(50).then(ask);
      late.catch(() => undefined);
      return 1;
    });
    await trainer.evaluate(["a"]);
    const refused = await late?.then(String, (error: unknown) => error);
    expect(refused).toMatchObject({ status: 400, code: "rollout_over" });
  });

  it("rejects with E_STATE while another trainer is in a step of the same adapter, which goes on untouched", async () => {
    await using first = trainerOf(async () => (await ask()).usage?.completion_tokens);
    await using second = trainerOf(async () => (await ask()).choices.length);
    const step = first.step(["a"]);
    await expect(second.step(["a"])).rejects.toMatchObject({ code: "E_STATE" });
    expect((await step).rollouts.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
    await expect(second.step(["a"])).resolves.toMatchObject({ step: 0 });
  });

  it("trains on what a client had of a stream that it left", async () => {
    let agents = 0;
    await using wide = await tinyPolicy({ isWide: true });
    await using trainer = trainerOf(
      async () => {
        for await (const { choices } of await client.chat.completions.create({ ...request, stream: true }))
          if (choices[0]?.delta.content) break;
        await pause(100);
        return agents++ % 2;
      },
      { policy: wide, sampling: { maxTokens: 60 }, algorithm: grpo({ groupSize: 4, lr: 0 }) },
    );
    const { rollouts, metrics } = await trainer.step(["a"]);
    const calls = rollouts.flatMap(({ trajectories }) =>
      trajectories.flatMap(({ transitions }) => transitions),
    );
    expect(calls).toHaveLength(4);
    expect(calls.map(({ finishReason }) => finishReason)).toContain("aborted");
    // Compared bit by bit with what training computes of them.
    expect(metrics["exact/compared"]).toBe(calls.reduce((sum, call) => sum + call.responseIds.length, 0));
    for (const { responseIds, logprobs } of calls) {
      expect(responseIds.length).toBeGreaterThan(0);
      expect(logprobs).toHaveLength(responseIds.length);
    }
  });

  it("takes many calls at once in one rollout without a warning", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    await using trainer = trainerOf(async () => (await Promise.all(Array.from({ length: 20 }, ask))).length);
    const { rollouts } = await trainer.evaluate(["a"]);
    await pause(10);
    process.off("warning", onWarning);
    expect(rollouts.map(({ modelCalls }) => modelCalls)).toEqual([20]);
    expect(warnings).toEqual([]);
  });

  it("says what to do about a compressed request, and about an agent without a call", async () => {
    const url = "https://api.openai.com/v1/chat/completions";
    const zipped = { method: "POST", body: "{}", headers: { "content-encoding": "gzip" } };
    await using trainer = trainerOf(async () => {
      throw new Error(await (await fetch(url, zipped)).text());
    });
    const { result } = await trainer.dev("a");
    expect(result.error).toContain("expected the body without content-encoding, got gzip");
    await using idle = trainerOf(() => 1);
    expect((await idle.dev("a")).result.error).toContain("no model call of its own");
  });
});

describe("fit", () => {
  it("ends with its signal or its closing while the batches keep it waiting", async () => {
    const stuck = async function* () {
      await new Promise(() => undefined);
      yield ["a"];
    };
    const trainer = trainerOf(() => 1);
    const abort = new AbortController();
    const fit = trainer.fit(stuck(), { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(fit).rejects.toThrow("enough");
    const again = trainer.fit(stuck());
    await Promise.all([expect(again).rejects.toMatchObject({ code: "E_CLOSED" }), trainer.close()]);
  });

  it("ends its source when it is told to stop, also by a promise", async () => {
    let isEnded = false;
    const endless = function* () {
      try {
        for (;;) yield ["a"];
      } finally {
        isEnded = true;
      }
    };
    await using trainer = trainerOf(async () => (await ask()).choices.length);
    const { steps } = await trainer.fit(endless(), { stop: async ({ step }) => step === 1 });
    expect(steps).toHaveLength(2);
    expect(isEnded).toBe(true);
  });
});
