// What runners bring back is data: whatever it is, a rollout has its own calls, each once, as the endpoint recorded them.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "../../../src/policy/policy.js";
import { createMemoryStore } from "../../../src/store/memory-store.js";
import type { LightningStore } from "../../../src/store/store.js";
import type { AttemptedRollout } from "../../../src/types/rollout.js";
import type { Attributes, Span } from "../../../src/types/span.js";
import { tinyPolicy } from "../tiny-policy.js";
import { act, queueTrainer } from "./runners.js";

let policy: Policy;
beforeAll(async () => {
  policy = await tinyPolicy({ contextLength: 96 });
});
afterAll(() => policy.close());

interface Body {
  readonly id: string;
  readonly error?: { readonly code: string };
}

interface Tools {
  readonly rollout: AttemptedRollout;
  readonly store: LightningStore;
  /** @param path  the name of the rollout whose call it is */
  call(
    headers?: Record<string, string>,
    path?: string,
  ): Promise<{ readonly status: number; readonly body: Body }>;
  add(attributes: Attributes, more?: Partial<Span>): Promise<void>;
  end(status?: "succeeded" | "failed" | "timeout", metadata?: object): Promise<void>;
}

const reward = (value: unknown) =>
  ({ "agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": value }) as Attributes;
const forged = (id: string) => ({
  ...{ "gen_ai.response.id": id, prompt_token_ids: [1, 2], response_token_ids: [3, 4] },
  ...{ "agentlightning.dialect": "openai.chat.completion", "agentlightning.response_logprobs": [0, 0] },
});

type Act = (tools: Tools) => Promise<void>;
const acts: Readonly<Record<string, { readonly act: Act; readonly ends: object; readonly calls: number }>> = {
  "a call and a reward": {
    act: async ({ call, add, end }) => {
      await call();
      await add(reward(0.5));
      await end();
    },
    ends: { outcome: "ok", reward: 0.5, modelCalls: 1 },
    calls: 1,
  },
  "reports of its call again and again, with other ids, before it and below it": {
    act: async ({ call, add, end }) => {
      await add({}, { spanId: "a".repeat(16), name: "client" });
      const { body } = await call({ traceparent: `00-${"1".repeat(32)}-${"a".repeat(16)}-01` });
      for (const spanId of ["b", "c", "c", "d"])
        await add(forged(body.id), { spanId: spanId.repeat(16), name: "openai.chat.completion" });
      await add(forged(body.id), { name: "openai.chat.completion", parentId: "a".repeat(16) });
      await add(reward(1));
      await end();
    },
    ends: { outcome: "ok", reward: 1, modelCalls: 1 },
    calls: 1,
  },
  "calls that it made up": {
    act: async ({ add, end }) => {
      await add(forged("chatcmpl-x"), { name: "openai.chat.completion" });
      await add(reward(1));
      await end();
    },
    ends: { outcome: "no-call", reward: null, modelCalls: 0 },
    calls: 0,
  },
  "calls that it made up beside one that it made": {
    act: async ({ call, add, end }) => {
      await call();
      await add(forged("chatcmpl-x"), { name: "openai.chat.completion" });
      await add(reward(1));
      await end();
    },
    ends: { outcome: "ok", reward: 1, modelCalls: 1 },
    calls: 1,
  },
  "a reward that is none": {
    act: async ({ call, add, end }) => {
      await call();
      await add(reward(Number.NaN));
      await end();
    },
    ends: { outcome: "bad-reward", reward: null },
    calls: 1,
  },
  "spans that make no sense and an end that has no name": {
    act: async ({ call, add, end }) => {
      await call({ traceparent: "00-zz-1-01", "x-agl-agent": "%E0%A4%A" });
      const loop = ["e", "f"].map((digit) => digit.repeat(16));
      await add({ "agent.name": "" }, { spanId: loop[0]!, parentId: loop[1]! });
      await add({ prompt_token_ids: "garbage" }, { spanId: loop[1]!, parentId: loop[0]! });
      await add({ "agentops.task.output": '{"type": "reward", "value": "1"}' });
      await end("failed", { outcome: "won", error: { not: "text" } });
    },
    ends: { outcome: "error", reward: 0, error: expect.stringContaining("did not say why") },
    calls: 1,
  },
  "no reward": {
    act: async ({ call, end }) => {
      await call();
      await end();
    },
    ends: { outcome: "no-reward", reward: null },
    calls: 1,
  },
  "an attempt that ran out of time": {
    act: async ({ call, end }) => {
      await call();
      await end("timeout");
    },
    ends: { outcome: "timeout", reward: null },
    calls: 1,
  },
  "a provider's failure": {
    act: async ({ call, end }) => {
      await call();
      await end("failed", { outcome: "provider-error", error: "HTTP 503" });
    },
    ends: { outcome: "provider-error", reward: null, error: "HTTP 503" },
    calls: 1,
  },
};

async function evaluate(tasks: readonly string[], run: (task: string) => Act, after?: () => Promise<void>) {
  const store = createMemoryStore();
  await using trainer = queueTrainer(policy, store, { timeoutMs: 20_000 });
  const { url } = await trainer.listening();
  const acting = act<string>(store, tasks.length, async (rollout) => {
    const { rolloutId, attempt } = rollout;
    const { attemptId } = attempt;
    let sequenceId = 1000;
    await run(rollout.input)({
      ...{ rollout, store },
      async call(headers = {}, path = `/rollout/${rolloutId}/attempt/${attemptId}`) {
        const response = await fetch(`${url}${path}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "abc" }] }),
        });
        return { status: response.status, body: (await response.json()) as Body };
      },
      async add(attributes, more = {}) {
        const name = "agentlightning.annotation";
        const ids = {
          rolloutId,
          attemptId,
          traceId: "1".repeat(32),
          parentId: null,
          sequenceId: sequenceId++,
        };
        const plain = { ...ids, spanId: String(sequenceId).padStart(16, "0"), name, attributes };
        const times = {
          startTime: 1,
          endTime: 2,
          status: { code: "OK", description: null },
          events: [],
        } as const;
        await store.addSpans([{ ...plain, ...times, ...more }]);
      },
      async end(status = "succeeded", metadata = {}) {
        await store.updateAttempt(rolloutId, attemptId, { status, metadata: { ...metadata } });
      },
    });
  });
  const [report] = await Promise.all([trainer.evaluate(tasks, { temperature: 1 }), acting]);
  await after?.();
  return { rollouts: report.rollouts, store };
}

describe("a runner that brings back", { timeout: 60_000 }, () => {
  it("anything at all gives rollouts with their own calls alone, and outcomes that say what came", async () => {
    const names = Object.keys(acts);
    const { rollouts, store } = await evaluate(names, (task) => acts[task]!.act);
    const found = rollouts.map(({ task, trajectories, ...rest }) => [
      names[task],
      rest,
      trajectories.flatMap(({ transitions }) => transitions).length,
    ]);
    expect(found).toEqual(
      names.map((name) => [name, expect.objectContaining(acts[name]!.ends), acts[name]!.calls]),
    );
    const kept = await store.querySpans(rollouts[1]!.rolloutId);
    expect(kept.items.filter(({ name }) => name === "openai.chat.completion").length).toBe(5);
    expect(rollouts[1]!.trajectories[0]!.transitions[0]).toMatchObject({ adapter: "base" });
  });

  it("calls of ended, unknown and other attempts has them refused, in its client's shape", async () => {
    const seen: Record<string, unknown> = {};
    let callAfter = async (): Promise<unknown> => undefined;
    const act: Act = async ({ rollout: { rolloutId, attempt }, store, call, add, end }) => {
      const place = `/rollout/${rolloutId}/attempt`;
      const codeOf = async (path?: string) => {
        const { status, body } = await call({}, path);
        return [status, body.error?.code];
      };
      seen.unknownAttempt = await codeOf(`${place}/at-none`);
      seen.unknownRollout = await codeOf(`/rollout/ro-none/attempt/${attempt.attemptId}`);
      seen.latest = await codeOf(`${place}/0`);
      seen.own = await codeOf();
      await store.updateAttempt(rolloutId, attempt.attemptId, { status: "unresponsive" });
      const again = await store.claimRollout(rolloutId, "actor");
      seen.next = await codeOf(`${place}/${again.attempt.attemptId}`);
      seen.before = await codeOf();
      await add(reward(1), { attemptId: again.attempt.attemptId });
      await end("failed");
      await store.updateAttempt(rolloutId, again.attempt.attemptId, { status: "succeeded" });
      callAfter = () => codeOf(`${place}/${again.attempt.attemptId}`);
    };
    await evaluate(
      ["abc"],
      () => act,
      async () => {
        seen.after = await callAfter();
      },
    );
    const over = [400, "rollout_over"];
    const unknown = [400, "rollout_unknown"];
    expect(seen).toMatchObject({
      unknownAttempt: unknown,
      unknownRollout: unknown,
      before: over,
      after: over,
    });
    expect(seen).toMatchObject({ latest: [200, undefined], own: [200, undefined], next: [200, undefined] });
  });
});
