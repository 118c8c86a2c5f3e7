// What a step does with rollouts that go well, and with those that do not: each is reported, none stops the step.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Algorithm } from "../../../src/algorithms/algorithm.js";
import { grpo } from "../../../src/algorithms/grpo.js";
import type { Policy } from "../../../src/policy/policy.js";
import { unrouted } from "../../../src/tracing/context.js";
import { emitReward } from "../../../src/tracing/emit.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import { tinyPolicy } from "../tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
const ask = async (content: string, options: object = {}) =>
  (await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }], ...options }))
    .choices[0]?.message.content ?? "";

let policy: Policy;
let judge: Server;
let judgeUrl = "";
let closedUrl = "";
const judged: string[] = [];
beforeAll(async () => {
  policy = await tinyPolicy({ contextLength: 96 });
  judge = createServer((request, response) => {
    judged.push(request.url ?? "");
    response.end("0.25");
  });
  await new Promise<void>((resolve) => judge.listen(0, "127.0.0.1", resolve));
  // A port that nobody listens on any more.
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  closedUrl = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/v1/chat/completions`;
  await new Promise((resolve) => gone.close(resolve));
  judgeUrl = `http://127.0.0.1:${(judge.address() as AddressInfo).port}/v1/chat/completions`;
});
afterAll(async () => {
  judge.close();
  await policy.close();
});

const trainerOf = (agent: (task: never) => unknown, more: Record<string, unknown> = {}) =>
  createTrainer({
    policy,
    agent: agent as never,
    algorithm: grpo({ groupSize: 2, lr: 0 }),
    sampling: { maxTokens: 4 },
    concurrency: 256,
    ...more,
  });

describe("a step", () => {
  it("gives each of 200 concurrent rollouts its own calls and its own reward", async () => {
    await using wide = await tinyPolicy({ contextLength: 96, isWide: true });
    await using trainer = trainerOf(
      async (task: number) => {
        // Its own prompt, twice, with a pause in which the others run.
        const prompt = "abcdefghijklmno"[task % 15]?.repeat(1 + (task % 7)) ?? "";
        await ask(prompt);
        await new Promise((resolve) => setTimeout(resolve, task % 5));
        await ask(`${prompt}b`);
        return task / 1000;
      },
      { policy: wide, sampling: { maxTokens: 48 } },
    );
    const tasks = Array.from({ length: 100 }, (_, task) => task);
    const { rollouts } = await trainer.step(tasks);
    expect(rollouts).toHaveLength(200);
    for (const rollout of rollouts) {
      expect(rollout.outcome).toBe("ok");
      expect(rollout.reward).toBe(rollout.task / 1000);
      const prompts = rollout.trajectories.flatMap((t) =>
        t.transitions.map((call) => policy.tokenizer.decode(call.promptIds)),
      );
      const own = "abcdefghijklmno"[rollout.task % 15]?.repeat(1 + (rollout.task % 7));
      expect(prompts).toEqual([own, `${own}b`]);
    }
    expect(wide.counters.largestSamplerPass).toBeGreaterThan(32);
  });

  it("reports every kind of failure and completes", async () => {
    await using trainer = trainerOf(
      async (task: string) => {
        if (task === "no call") return 1;
        await ask("abc");
        if (task === "throws") throw new Error("the tool broke");
        if (task === "hangs") await new Promise(() => undefined);
        if (task === "NaN") return Number.NaN;
        if (task === "no reward") return undefined;
        if (task === "emits") return emitReward(0.75);
        if (task === "asks the provider") {
          const text = await (await unrouted(() => fetch(judgeUrl, { method: "POST", body: "{}" }))).text();
          return Number(text);
        }
        if (task === "provider is down") {
          await unrouted(() => fetch(closedUrl, { method: "POST", body: "{}" }));
        }
        return 0.5;
      },
      { timeoutMs: 3000 },
    );
    const tasks = [
      "good",
      "throws",
      "hangs",
      "NaN",
      "no reward",
      "emits",
      "no call",
      "asks the provider",
      "provider is down",
    ];
    const { rollouts, metrics } = await trainer.step(tasks);
    const at = (task: string) =>
      rollouts
        .filter((rollout) => tasks[rollout.task] === task)
        .map(({ outcome, reward }) => ({ outcome, reward }));
    const twice = (outcome: string, reward: number | null) => [
      { outcome, reward },
      { outcome, reward },
    ];
    expect(at("good")).toEqual(twice("ok", 0.5));
    expect(at("throws")).toEqual(twice("error", 0));
    expect(at("hangs")).toEqual(twice("timeout", null));
    expect(at("NaN")).toEqual(twice("bad-reward", null));
    expect(at("no reward")).toEqual(twice("no-reward", null));
    expect(at("emits")).toEqual(twice("ok", 0.75));
    expect(at("no call")).toEqual(twice("no-call", null));
    expect(at("asks the provider")).toEqual(twice("ok", 0.25));
    expect(at("provider is down")).toEqual(twice("provider-error", null));
    expect(judged).toEqual(["/v1/chat/completions", "/v1/chat/completions"]);
    expect(metrics).toMatchObject({
      "rollouts/timeout": 2,
      "rollouts/no_call": 2,
      "rollouts/provider_error": 2,
      "reward/count": 8,
    });
    expect(rollouts.find((rollout) => tasks[rollout.task] === "throws")?.error).toContain("the tool broke");
  });

  it("samples at temperature 1 in training whatever the agent asks for, and as asked in validation", async () => {
    const answers: string[] = [];
    await using trainer = trainerOf(async () => {
      answers.push(await ask("abcabc", { temperature: 0 }));
      return 1;
    });
    await trainer.step(["a", "b", "c", "d"]);
    expect(new Set(answers).size).toBeGreaterThan(1);
    answers.length = 0;
    const { rollouts } = await trainer.evaluate(["a", "b", "c", "d"]);
    expect(new Set(answers).size).toBe(1);
    expect(rollouts.every((rollout) => rollout.trajectories.every((row) => row.temperature === 0))).toBe(
      true,
    );
  });

  it.each([{ temperature: 0, top_p: 0 }, { top_p: 0 }, { top_k: 1 }, { min_p: 1 }])(
    "filters in validation as the agent asks, and not in training: %j",
    async (asked) => {
      const answers = new Set<string>();
      let greedy = "";
      await using trainer = trainerOf(async () => {
        greedy = await ask("abcabc", { temperature: 0 });
        answers.add(await ask("abcabc", asked));
        return 1;
      });
      await trainer.evaluate(["a", "b", "c", "d"]);
      expect([...answers]).toEqual([greedy]);
      await trainer.step(["a", "b", "c", "d"]);
      expect(answers.size).toBeGreaterThan(1);
    },
  );

  it("draws the same tokens for the same seed, whatever the concurrency", async () => {
    const run = async (concurrency: number) => {
      await using trainer = trainerOf(async (task: string) => ((await ask(task)).includes("d") ? 1 : 0), {
        concurrency,
        seed: 7,
      });
      const { rollouts } = await trainer.step(["abc", "bcd", "cde", "abc"]);
      return rollouts.map((rollout) => rollout.trajectories.map((row) => row.tokens));
    };
    expect(await run(1)).toEqual(await run(64));
  });

  it("rejects with the signal's reason, and a second call meanwhile with E_STATE", async () => {
    await using trainer = trainerOf(() => new Promise(() => undefined));
    const abort = new AbortController();
    const step = trainer.step(["a"], { signal: abort.signal });
    await expect(trainer.step(["b"])).rejects.toMatchObject({ code: "E_STATE" });
    abort.abort(new Error("enough"));
    await expect(step).rejects.toThrow("enough");
    await trainer.close();
    await expect(trainer.step(["a"])).rejects.toMatchObject({ code: "E_CLOSED" });
  });

  it("is closed when the update that has begun has ended, and counts it", async () => {
    let goOn = (): void => undefined;
    let tellBegun = (): void => undefined;
    const rest = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const begun = new Promise<void>((resolve) => {
      tellBegun = resolve;
    });
    const algorithm: Algorithm = {
      name: "slow",
      trains: ["weights"],
      groupSize: 1,
      update: async () => {
        tellBegun();
        await rest;
        return { metrics: {} };
      },
    };
    const trainer = trainerOf(async (task: string) => (await ask(task)).length, { algorithm });
    const step = trainer.step(["abc"]);
    await begun;
    let isClosed = false;
    const closing = trainer.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isClosed).toBe(false);
    goOn();
    expect((await step).step).toBe(0);
    await closing;
    expect(trainer.steps).toBe(1);
  });

  it.each(["", "time/", "time/eval/"])(
    "refuses to write an evaluation's numbers under %j",
    async (prefix) => {
      await using trainer = trainerOf(async (task: string) => (await ask(task)).length);
      await expect(trainer.evaluate(["abc"], { prefix })).rejects.toMatchObject({
        code: "E_ARGUMENT",
        message: expect.stringMatching(/prefix.*"eval\/"/),
      });
    },
  );

  it("tells in dev what was asked, answered and earned", async () => {
    await using trainer = trainerOf(async () => {
      await ask("abc");
      emitReward(0.25);
    });
    const { text, spans, result } = await trainer.dev("a");
    expect(result.reward).toBe(0.25);
    expect(spans.map((span) => span.name)).toEqual(["openai.chat.completion", "agentlightning.annotation"]);
    expect(text).toContain("user: abc");
    expect(text).toContain("reward 0.25");
  });
});
