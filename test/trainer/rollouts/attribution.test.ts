// Calls through queues that rollouts share: none is trained as another rollout's, and a call that names its rollout is always right.
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../../src/algorithms/grpo.js";
import type { Policy } from "../../../src/policy/policy.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import { bind } from "../../../src/tracing/context.js";
import { createTrainer } from "../../../src/trainer/create-trainer.js";
import type { TrainerOptions } from "../../../src/trainer/trainer.js";
import type { RolloutContext } from "../../../src/types/agent.js";
import type { RolloutResult } from "../../../src/types/task-group.js";
import { tinyPolicy } from "../tiny-policy.js";
import { kSharedQueues, type SharedQueue } from "./shared-queues.js";

const shared = new OpenAI({ apiKey: "x", maxRetries: 0 });
const ask = async (content: string, client = shared) => {
  await client.chat.completions.create({ model: "m", messages: [{ role: "user", content }] });
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy({ contextLength: 96 });
});
afterAll(() => policy.close());

/** Four letters for each rollout, in the order in which they begin. */
function createCodes() {
  const codes = new Map<string, string>();
  const letters = "abcdefghijklmno";
  return (rolloutId: string): string => {
    const n = codes.size;
    const code = [n % 15, Math.floor(n / 15) % 15, 3, 7].map((i) => letters[i]).join("");
    if (!codes.has(rolloutId)) codes.set(rolloutId, code);
    return codes.get(rolloutId) ?? "";
  };
}

type Call = (context: RolloutContext, queue: SharedQueue, code: string) => Promise<unknown>;

async function step(queue: SharedQueue, call: Call, more: Partial<TrainerOptions<string>> = {}) {
  const codeOf = createCodes();
  let n = 0;
  const seen: RolloutResult[] = [];
  const store = createMemoryStore();
  await using trainer = createTrainer<string>({
    ...{ policy, store, algorithm: grpo({ groupSize: 4, lr: 0 }), sampling: { maxTokens: 4 } },
    agent: async (_task, context) => {
      await call(context, queue, codeOf(context.rolloutId));
      await pause(100);
      return n++ % 2;
    },
    ...more,
  });
  trainer.events.on("rollout", (result) => void seen.push(result));
  // A step in which nothing is usable may reject: what its rollouts were is told before.
  const error = await trainer.step(["a", "b", "c"]).then(
    () => null,
    (reason: unknown) => reason,
  );
  const stored = (await store.queryRollouts({ limit: 100 })).items;
  const asked = (result: RolloutResult) =>
    result.trajectories.flatMap(({ transitions }) =>
      transitions.map(({ promptIds }) => policy.tokenizer.decode(promptIds).slice(0, 4)),
    );
  const used = seen.filter(({ reward }) => reward !== null);
  const foreign = used.filter((result) => asked(result).some((code) => code !== codeOf(result.rolloutId)));
  return { rollouts: seen, used, foreign, error, stored, asked };
}

const byUrl: Call = ({ endpoint }, queue, code) => {
  const client = new OpenAI({ baseURL: endpoint.openai, apiKey: "x", maxRetries: 0 });
  return queue(() => ask(code, client));
};
const byHeader: Call = ({ rolloutId, attemptId }, queue, code) => {
  const defaultHeaders = { "x-agl-rollout": `${rolloutId}/${attemptId}` };
  const client = new OpenAI({ apiKey: "x", maxRetries: 0, defaultHeaders });
  return queue(() => ask(code, client));
};
const byBind: Call = (_context, queue, code) => queue(bind(() => ask(code)));
const twice =
  (call: Call): Call =>
  async (context, queue, code) => {
    await call(context, queue, code);
    await pause(code.charCodeAt(0) % 5);
    await Promise.all([call(context, queue, code), call(context, queue, code)]);
  };

describe.each(kSharedQueues)("calls through %s", (_name, makeQueue) => {
  it("are trained as no other rollout's, and those in doubt are excluded with cause and remedies", async () => {
    const { rollouts, foreign, stored } = await step(makeQueue(), (_context, queue, code) =>
      queue(() => ask(code)).catch(() => undefined),
    );
    expect(rollouts).toHaveLength(12);
    expect(foreign).toEqual([]);
    const doubted = rollouts.filter(({ outcome }) => outcome === "in-doubt");
    expect(doubted.length).toBeGreaterThan(0);
    for (const { reward, error } of doubted) {
      expect(reward).toBe(null);
      for (const word of ["queue", "context.endpoint.openai", "agl.bind", 'noCall: "allowed"'])
        expect(error).toContain(word);
    }
    const outcomes = new Map(rollouts.map(({ rolloutId, outcome }) => [rolloutId, outcome]));
    for (const rollout of stored) {
      if (!("attempt" in rollout)) throw new Error("expected an attempt");
      expect(rollout.attempt.metadata.outcome).toBe(outcomes.get(rollout.rolloutId));
    }
  });

  it.each([
    ["by its base URL", twice(byUrl), 3],
    ["by its header", twice(byHeader), 3],
    ["by agl.bind", twice(byBind), 3],
  ])("are their rollout's %s, however many it makes", async (_how, call, calls) => {
    const { rollouts, foreign, asked } = await step(makeQueue(), call);
    expect(rollouts.map(({ outcome }) => outcome)).toEqual(rollouts.map(() => "ok"));
    expect(foreign).toEqual([]);
    expect(rollouts.map((rollout) => asked(rollout).length)).toEqual(rollouts.map(() => calls));
  });
});

describe("two trainers at once", () => {
  const evaluate = async (
    queue: SharedQueue,
    tasks: readonly string[],
    { call, ...more }: Partial<TrainerOptions<string>> & { readonly call: Call },
  ) => {
    const seen: RolloutResult[] = [];
    await using trainer = createTrainer<string>({
      ...{ policy, sampling: { maxTokens: 4 } },
      agent: async (task, context) => {
        await call(context, queue, task);
        await pause(60);
        return 1;
      },
      ...more,
    });
    trainer.events.on("rollout", (result) => void seen.push(result));
    await trainer.evaluate(tasks).catch(() => undefined);
    return seen;
  };
  const direct: Call = (_context, _queue, code) => ask(code);
  const shared: Call = async (_context, queue, code) => {
    await queue(() => ask(code)).catch(() => undefined);
  };

  it("that share a queue train on no call of each other's", async () => {
    const queue = kSharedQueues[0]![1]();
    const [one, others] = await Promise.all([
      evaluate(queue, ["a"], { call: shared }),
      evaluate(queue, ["b", "c"], { call: shared }),
    ]);
    expect(one.map(({ outcome }) => outcome)).toEqual(["in-doubt"]);
    expect(one[0]?.error).toContain("began while rollout");
    expect(others.map(({ outcome }) => outcome)).toEqual(["no-call", "no-call"]);
  });

  it("leave each other alone where one's agent may answer without a call", async () => {
    const queue = kSharedQueues[0]![1]();
    const [one, others] = await Promise.all([
      evaluate(queue, ["a"], { call: direct }),
      evaluate(queue, ["b", "c"], { call: async () => undefined, noCall: "allowed" }),
    ]);
    expect([...one, ...others].map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok"]);
  });
});

describe("an agent that makes no call in a tenth of its rollouts", () => {
  const some = (silent: readonly number[]): Call => {
    let begun = 0;
    return async (_context, _queue, code) => {
      if (!silent.includes(begun++)) await ask(code);
    };
  };
  const direct: SharedQueue = (work) => work();

  it('trains on the others and keeps the reward of those under noCall: "allowed"', async () => {
    const { rollouts, error } = await step(direct, some([5]), { noCall: "allowed" });
    expect(error).toBe(null);
    expect(rollouts.map(({ outcome }) => outcome)).toEqual(rollouts.map(() => "ok"));
    expect(rollouts.filter(({ trajectories }) => trajectories.length === 0)).toMatchObject([
      { modelCalls: 0, reward: expect.any(Number) },
    ]);
  });

  it("puts what others began by context meanwhile in doubt otherwise, and nothing that was named", async () => {
    const { rollouts } = await step(direct, some([5]));
    expect(rollouts.filter(({ outcome }) => outcome === "no-call")).toHaveLength(1);
    expect(rollouts.filter(({ outcome }) => outcome === "in-doubt").length).toBeGreaterThan(0);
    let begun = 0;
    const named = await step(direct, async (context, queue, code) => {
      if (begun++ !== 5) await byUrl(context, queue, code);
    });
    expect(named.rollouts.filter(({ outcome }) => outcome === "ok")).toHaveLength(11);
  });

  it("is not excused from calls that were refused", async () => {
    const refused = await step(
      direct,
      () => shared.responses.create({ model: "m", input: "a", background: true }).catch(() => 0),
      {
        noCall: "allowed",
      },
    );
    for (const { outcome, error, refusedCalls } of refused.rollouts) {
      expect([outcome, refusedCalls]).toEqual(["no-call", 1]);
      expect(error).toContain("background: true is not supported");
    }
  });
});

describe("a call that came through a shared queue after its rollout's end", () => {
  it("is nobody's, and its agent is told why", async () => {
    // The first rollout is over when the others' calls run in its context.
    const makeQueue = kSharedQueues[0]?.[1];
    if (makeQueue === undefined) throw new Error("expected a queue");
    const { rollouts, foreign } = await step(makeQueue(), (_context, queue, code) =>
      queue(async () => {
        await pause(150);
        await ask(code);
      }),
    );
    expect(foreign).toEqual([]);
    const refused = rollouts.filter(({ error }) => error?.includes("expected model calls before its end"));
    expect(refused.length).toBeGreaterThan(8);
    for (const { outcome, error } of refused) {
      expect(outcome).toBe("no-call");
      expect(error).toContain("a queue that rollouts share");
    }
  });
});

describe("a trainer whose program hides fetch", () => {
  it("refuses to start, before any rollout", async () => {
    let begun = 0;
    await using trainer = createTrainer({
      policy,
      agent: () => {
        begun += 1;
        return 1;
      },
    });
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "fetch");
    Object.defineProperty(globalThis, "fetch", {
      ...{ configurable: true, writable: false },
      value: async () => new Response("hidden"),
    });
    for (const start of [() => trainer.step(["a"]), () => trainer.evaluate(["a"]), () => trainer.dev("a")])
      await expect(start()).rejects.toMatchObject({
        code: "E_STATE",
        message: expect.stringMatching(/global fetch/),
      });
    Object.defineProperty(globalThis, "fetch", descriptor ?? {});
    expect([begun, trainer.steps]).toEqual([0, 0]);
  });
});

describe("a rollout without a call", () => {
  const post = (url: string) =>
    fetch(url, { method: "POST", body: '{"model": "judge", "input": "x"}' }).catch(() => 0);
  const byNodeHttp = () =>
    new Promise((resolve) => {
      const own = { createConnection: () => connect(8080, "model.invalid") };
      const call = httpRequest({ ...kNowhere, path: "/v1/chat/completions", method: "POST", ...own });
      call.on("error", resolve).end("{}");
    });
  const kNowhere = { hostname: "model.invalid", port: 8080 };
  const kHost = "model.invalid:8080";
  it.each<[string, () => unknown, object, RegExp, object]>([
    ["nothing", () => 0, {}, /made no model call of its own; .*agl\.bind.*noCall: "allowed"/, {}],
    [
      "a request that is refused",
      () => post("https://api.openai.com/v1/completions"),
      {},
      /1 model call was refused \(400 prompt: expected a text/,
      { refusedCalls: 1 },
    ],
    [
      "a request that is refused in the gateway's protocol",
      () => post("https://ai-gateway.vercel.sh/v4/ai/language-model"),
      {},
      /1 model call was refused \(400 ai-language-model-id: expected the header/,
      { refusedCalls: 1 },
    ],
    [
      "an interface of a host that is routed by the option, and that many a web application has too",
      () => post(`http://${kHost}/api/chat`),
      { routes: { hosts: [kHost] } },
      /1 model call was refused \(400 .*messages: Invalid input/,
      { refusedCalls: 1 },
    ],
    [
      "an upload of traces",
      () => post("https://api.openai.com/v1/traces/ingest"),
      {},
      /made no model call of its own/,
      { traceUploads: 1 },
    ],
    [
      "a host that is not routed",
      () => post(`http://${kHost}/v1/chat/completions`),
      {},
      /1 model call went to a host that is not routed \(model\.invalid:8080\/v1\/chat\/completions\); routes: \{ hosts: \["model\.invalid:8080"\] \}/,
      { unseenCalls: 1 },
    ],
    [
      "a client on node:http that makes its own connections",
      byNodeHttp,
      { routes: { hosts: [kHost] } },
      /1 model call could not be seen \(model\.invalid:8080\/v1\/chat\/completions through node:http\)/,
      { unseenCalls: 1 },
    ],
    [
      "what is forwarded",
      () => Promise.all([post(`http://${kHost}/v1/responses`), post(`http://${kHost}/v1/responses`)]),
      { routes: { hosts: [kHost], forward: ["judge"] } },
      /2 model calls were forwarded \(model\.invalid:8080\/v1\/responses\)/,
      {},
    ],
    [
      "what is ignored",
      () => post(`http://${kHost}/v1/responses`),
      { routes: { hosts: [kHost], ignore: ["*"] } },
      /1 model call passed unseen, as its route says/,
      {},
    ],
  ])("says what happened: %s", async (_what, agent, more, message, counts) => {
    await using trainer = createTrainer({
      policy,
      agent: async () => {
        await agent();
        return 1;
      },
      ...more,
    });
    const { result } = await trainer.dev("a");
    expect(result).toMatchObject({
      outcome: "no-call",
      reward: null,
      refusedCalls: 0,
      unseenCalls: 0,
      ...counts,
    });
    expect(result.error).toMatch(message);
  });

  it("that threw says that first", async () => {
    await using trainer = createTrainer({
      policy,
      agent: async () => {
        await post("https://api.openai.com/v1/completions");
        throw new Error("the tool broke");
      },
    });
    expect((await trainer.dev("a")).result.error).toMatch(/^Error: the tool broke; .*was refused/);
  });
});
