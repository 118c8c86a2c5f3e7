// The policy on a socket: what comes by it is what comes from inside, whoever carries the bytes.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { emitReward } from "../../src/tracing/emit.js";
import { createRolloutKeys } from "../../src/tracing/rollout-keys.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import type { ListenOptions, TrainerOptions } from "../../src/trainer/trainer.js";
import type { RolloutContext } from "../../src/types/agent.js";
import { type Outside, openOutside } from "../support/outside.js";
import { tinyPolicy } from "./tiny-policy.js";

let policy: Policy;
let outside: Outside;
beforeAll(async () => {
  policy = await tinyPolicy({ contextLength: 96 });
  outside = openOutside();
});
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await policy.close();
});

type Train = Omit<TrainerOptions<string>, "policy" | "agent">;
const trainerOf = (
  agent: (task: string, context: RolloutContext) => Promise<number | undefined>,
  options: Train = {},
) =>
  createTrainer<string>({
    ...{ policy, agent, algorithm: grpo({ groupSize: 2 }), listen: { port: 0 } },
    ...{ sampling: { maxTokens: 4 }, ...options },
  });

/** Runs `look` as the agent of one rollout. */
async function within<T>(look: (context: RolloutContext) => Promise<T>, options: Train = {}) {
  let seen: T | undefined;
  await using trainer = trainerOf(async (_, context) => {
    seen = await look(context);
    return undefined;
  }, options);
  const { result, spans } = await trainer.dev("abc");
  return { seen: seen as T, result, spans };
}

const messages = [{ role: "user", content: "abc" }];
const chat = { model: "m", messages };
const keyOf = ({ endpoint }: RolloutContext) => ({ authorization: `Bearer ${endpoint.env.AGL_KEY}` });

describe("a trainer that listens", () => {
  it("answers every dialect, streamed or not, under both lines' paths, and records each call of it", async () => {
    const { seen, result } = await within(async (context) => {
      const { openai, anthropic, google, env } = context.endpoint;
      const asked: readonly (readonly [string, object])[] = [
        [`${openai}/chat/completions`, chat],
        [`${openai}/chat/completions`, { ...chat, stream: true }],
        [`${openai}/responses`, { model: "m", input: "abc" }],
        [`${openai}/completions`, { model: "m", prompt: "abc" }],
        [`${anthropic}/v1/messages`, { ...chat, max_tokens: 3 }],
        [`${anthropic}/v1/messages`, { ...chat, max_tokens: 3, stream: true }],
        [
          `${google}/v1beta/models/m:generateContent`,
          { contents: [{ role: "user", parts: [{ text: "abc" }] }] },
        ],
        [`${anthropic}/api/chat`, { ...chat, stream: false }],
        [`${env.AGL_OPENAI_BASE_URL}/chat/completions`, chat],
        [`${env.AGL_OPENAI_BASE_URL}/responses`, { model: "m", input: "abc", stream: true }],
      ];
      const answers = [];
      for (const [url, body] of asked) answers.push(await outside.call(url, body, keyOf(context)));
      emitReward(1);
      return answers;
    });
    expect(seen.map(({ status, text }) => (status === 200 ? 200 : text))).toEqual(seen.map(() => 200));
    expect(seen[1]!.text).toContain("data: [DONE]");
    expect(seen[5]!.text).toContain("event: message_stop");
    expect(seen[5]!.headers["content-type"]).toContain("text/event-stream");
    expect(result).toMatchObject({ outcome: "ok", modelCalls: seen.length });
    expect(result.trajectories.flatMap(({ transitions }) => transitions).length).toBe(seen.length);
  });

  it("gives the bytes that a call from inside gets, but for ids and times, and the same spans", async () => {
    const bare = (text: string) => text.replace(/chatcmpl-[\w-]+/g, "ID").replace(/"created":\d+/g, "TIME");
    const bodies = [
      chat,
      { ...chat, stream: true },
      { ...chat, n: 2, logprobs: true },
      { ...chat, messages: 3 },
    ];
    const ask = async (context: RolloutContext, isInside: boolean) => {
      const texts: string[] = [];
      for (const body of bodies) {
        const url = `${context.endpoint.openai}/chat/completions`;
        const init = {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        };
        const { status, text } = isInside
          ? await fetch(url, init).then(async (r) => ({ status: r.status, text: await r.text() }))
          : await outside.call(url, body, keyOf(context));
        texts.push(`${status} ${bare(text)}`);
      }
      emitReward(1);
      return texts;
    };
    const options = { seed: 5 };
    const inside = await within((context) => ask(context, true), { ...options, listen: undefined as never });
    const bySocket = await within((context) => ask(context, false), options);
    expect(inside.seen[0]).toMatch(/^200 /);
    expect(inside.seen[3]).toMatch(/^400 /);
    expect(bySocket.seen).toEqual(inside.seen);
    const kept = ({ spans }: typeof inside) =>
      spans.map(({ name, attributes }) => [name, bare(JSON.stringify(attributes))]);
    expect(kept(bySocket)).toEqual(kept(inside));
  });

  it("is the endpoint of its agents, which this process' own calls reach without the socket", async () => {
    const { seen, result } = await within(async ({ endpoint, rolloutId, attemptId }) => {
      const client = new OpenAI({ baseURL: endpoint.openai, apiKey: "any", maxRetries: 0 });
      await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "abc" }] });
      emitReward(1);
      return { endpoint, path: `/rollout/${rolloutId}/attempt/${attemptId}` };
    });
    const { openai, anthropic, google, env } = seen.endpoint;
    const { origin } = new URL(openai);
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect([openai, anthropic, google]).toEqual([
      `${origin}${seen.path}/v1`,
      ...[`${origin}${seen.path}`, `${origin}${seen.path}`],
    ]);
    expect(env).toMatchObject({
      ...{ OPENAI_BASE_URL: openai, ANTHROPIC_BASE_URL: anthropic, GOOGLE_GEMINI_BASE_URL: google },
      AGL_OPENAI_BASE_URL: `${origin}/proxy${seen.path}/mode/val/openai/v1`,
      AGL_EVENT_URL: `${origin}/api${seen.path.replace("rollout", "rollouts")}/events`,
    });
    for (const name of ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"])
      expect(env[name]).toBe(env.AGL_KEY);
    expect(result.outcome).toBe("ok");
  });
});

describe("what is told of a rollout by the socket", () => {
  it("is its own, as what is emitted inside: an event's reward counts, and after the end it is refused", async () => {
    const store = createMemoryStore();
    let late: RolloutContext | undefined;
    let refused: readonly number[] = [];
    await using trainer = trainerOf(
      async (_, context) => {
        late = context;
        await outside.call(`${context.endpoint.openai}/chat/completions`, chat, keyOf(context));
        const event = { event_type: "reward", data: { value: 0.25 } };
        const { status } = await outside.call(context.endpoint.env.AGL_EVENT_URL!, event, keyOf(context));
        expect(status).toBe(200);
        return undefined;
      },
      { store },
    );
    const { rollouts } = await trainer.evaluate(["abc"]);
    expect(rollouts[0]).toMatchObject({ outcome: "ok", reward: 0.25 });
    const { items } = await store.querySpans(rollouts[0]!.rolloutId);
    expect(items.map(({ name }) => name)).toEqual(["openai.chat.completion", "agentlightning.annotation"]);
    const event = { event_type: "reward", data: { value: 1 } };
    const after = [
      await outside.call(late!.endpoint.env.AGL_EVENT_URL!, event, keyOf(late!)),
      await outside.call(`${late!.endpoint.openai}/chat/completions`, chat, keyOf(late!)),
    ];
    refused = after.map(({ status }) => status);
    expect(refused).toEqual([400, 400]);
    expect(after[1]!.headers["x-should-retry"]).toBe("false");
    expect(JSON.parse(after[1]!.text).error.code).toBe("rollout_over");
    expect((await store.querySpans(rollouts[0]!.rolloutId)).items.length).toBe(2);
    await store.close();
  });

  it("names the agent and the span that a call was made in", async () => {
    const { spans, result } = await within(async (context) => {
      const headers = {
        ...keyOf(context),
        "x-agl-agent": "the%20planner",
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
      };
      await outside.call(`${context.endpoint.openai}/chat/completions`, chat, headers);
      emitReward(1);
    });
    expect(spans[0]).toMatchObject({ parentId: "b".repeat(16) });
    expect(result.trajectories.map(({ agent }) => agent)).toEqual(["the planner"]);
  });
});

describe("a key", () => {
  const listen: ListenOptions = { port: 0, key: "secret" };

  it("of a rollout opens that rollout alone, in each way that clients send one", async () => {
    const contexts: RolloutContext[] = [];
    let meet = (): void => undefined;
    const both = new Promise<void>((resolve) => {
      meet = resolve;
    });
    const statuses: number[] = [];
    await using trainer = trainerOf(
      async (_, context) => {
        contexts.push(context);
        if (contexts.length === 2) meet();
        await both;
        const other = contexts.find(({ rolloutId }) => rolloutId !== context.rolloutId)!;
        const url = `${context.endpoint.openai}/chat/completions`;
        const own = context.endpoint.env.AGL_KEY!;
        const foreign = other.endpoint.env.AGL_KEY!;
        const event = { event_type: "reward", data: { value: 1 } };
        const call = async (to: string, headers: Record<string, string>, body: object = chat) => {
          const { status, text } = await outside.call(to, body, headers);
          if (status === 401 && body === chat) expect(JSON.parse(text).error.message).toContain("API key");
          statuses.push(status);
        };
        await call(url, { "x-api-key": own });
        await call(url, { "x-goog-api-key": own });
        await call(`${url}?key=${own}`, {});
        await call(url, { authorization: "Bearer secret" });
        await call(context.endpoint.env.AGL_EVENT_URL!, { "x-api-key": own }, event);
        await call(url, { "x-api-key": foreign });
        await call(url, { "x-api-key": `${own}x` });
        await call(url, {});
        await call(context.endpoint.env.AGL_EVENT_URL!, { "x-api-key": foreign }, event);
        await call(new URL("/api/rollouts", url).href, { "x-api-key": own }, []);
        // That of runners: all rollouts' calls and events, and not the store.
        const calls = { "x-api-key": createRolloutKeys("secret").callsKey };
        await call(url, calls);
        await call(other.endpoint.env.AGL_EVENT_URL!, calls, event);
        await call(new URL("/api/rollouts", url).href, calls, []);
        return 1;
      },
      { listen, algorithm: grpo({ groupSize: 2 }) },
    );
    await trainer.evaluate(["abc"], { samples: 2 });
    const expected = [...Array(7).fill(200), ...Array(6).fill(401)];
    expect(statuses.toSorted()).toEqual([...expected, ...expected].toSorted());
  });

  it("of a rollout opens nothing of another where no key is asked for, either", async () => {
    const { seen } = await within(async (context) => {
      const url = `${context.endpoint.openai}/chat/completions`;
      const foreign = `agl-rollout-${"A".repeat(43)}`;
      const statuses = [];
      for (const key of [foreign, "sk-any", context.endpoint.env.AGL_KEY!])
        statuses.push((await outside.call(url, chat, { "x-api-key": key })).status);
      emitReward(1);
      return statuses;
    });
    expect(seen).toEqual([401, 200, 200]);
  });

  it.each([
    [{ port: 0, host: "0.0.0.0" }, "listen.key"],
    [{ port: 0, publicUrl: "https://train.example.org" }, "listen.key"],
    [{ port: 0, publicUrl: "train.example.org" }, "listen.publicUrl"],
    [{ port: 70_000 }, "listen.port"],
    [{ port: 0, key: "" }, "listen.key"],
    [{ port: 0, token: "x" }, "did you mean key?"],
  ])("is asked for and checked before anything runs: %j", (wrong, words) => {
    expect(() => trainerOf(async () => 1, { listen: wrong as ListenOptions })).toThrow(words);
  });

  it("and a public address are what agents are given", async () => {
    const publicUrl = "https://train.example.org/agl/";
    const { seen } = await within(async ({ endpoint }) => endpoint, { listen: { ...listen, publicUrl } });
    expect(seen.openai).toMatch(/^https:\/\/train\.example\.org\/agl\/rollout\//);
    expect(seen.env.AGL_KEY).toMatch(/^agl-rollout-/);
  });
});

describe("a pause", () => {
  it("that was asked for is answered 429 with Retry-After until it ends, and nothing else is", async () => {
    const { seen } = await within(async (context) => {
      const { origin } = new URL(context.endpoint.openai);
      const call = () => outside.call(`${context.endpoint.openai}/chat/completions`, chat, keyOf(context));
      await outside.call(`${origin}/proxy/pause`, { retry_after_seconds: 7 });
      const paused = await call();
      await outside.call(`${origin}/proxy/resume`, {});
      const resumed = await call();
      emitReward(1);
      return [paused.status, paused.headers["retry-after"], resumed.status];
    });
    expect(seen).toEqual([429, "7", 200]);
  });
});

describe("the socket of a trainer", () => {
  it("is told by listening, ends with the trainer, and fails the step where the address is taken", async () => {
    const trainer = trainerOf(async () => 1);
    const { url, port } = await trainer.listening();
    expect((await outside.call(`${url}/health`, undefined, {}, "GET")).status).toBe(200);
    const second = trainerOf(async () => 1, { listen: { port } });
    await expect(second.step(["abc"])).rejects.toMatchObject({ code: "E_STORE" });
    await second.close();
    await trainer.close();
    await expect(outside.call(`${url}/health`, undefined, {}, "GET")).rejects.toThrow("ECONNREFUSED");
    await using silent = createTrainer({ policy, agent: () => 1 });
    await expect(silent.listening()).rejects.toMatchObject({ code: "E_STATE" });
  });
});
