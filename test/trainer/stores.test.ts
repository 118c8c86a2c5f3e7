// The trainer on every store: what a step leaves behind is the same.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpo } from "../../src/algorithms/grpo.js";
import type { Policy } from "../../src/policy/policy.js";
import { serve } from "../../src/server/store-api/serve.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { openStore } from "../../src/store/open-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { createTrainer } from "../../src/trainer/create-trainer.js";
import { tinyPolicy } from "./tiny-policy.js";

const client = new OpenAI({ apiKey: "not-needed" });
let out: string;
let policy: Policy;
beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "agl-stores-"));
  policy = await tinyPolicy();
});
afterAll(async () => {
  await policy.close();
  rmSync(out, { recursive: true });
});

type Opened = AsyncDisposable & { readonly store: LightningStore };

const stores: Record<string, () => Promise<Opened>> = {
  memory: async () => {
    const store = createMemoryStore();
    return { store, [Symbol.asyncDispose]: () => store.close() };
  },
  sqlite: async () => {
    const store = await openStore(`sqlite:${join(out, "store.db")}`);
    return { store, [Symbol.asyncDispose]: () => store.close() };
  },
  http: async () => {
    const behind = createMemoryStore();
    const server = await serve({ store: behind, port: 0 });
    const store = await openStore(server.url);
    const close = async () => {
      for (const each of [store, server, behind]) await each.close();
    };
    return { store, [Symbol.asyncDispose]: close };
  },
};

describe("a training step", () => {
  it.each(Object.entries(stores))(
    "on %s keeps every rollout, its spans, its resources and how it ended",
    async (_, open) => {
      await using opened = await open();
      const { store } = opened;
      const bundle = await store.addResources({});
      const seen: unknown[] = [];
      await using trainer = createTrainer({
        policy,
        store,
        algorithm: grpo({ groupSize: 4, lr: 1e-3 }),
        sampling: { maxTokens: 2 },
        agent: async (task: string, context) => {
          // Not preparing, which a store's watchdog would end.
          const running = await store.getLatestAttempt(context.rolloutId);
          seen.push([context.resources, running?.status]);
          if (task === "abc") throw new Error("the agent broke before any call");
          const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: task }];
          const { choices } = await client.chat.completions.create({ model: "m", messages });
          return (choices[0]?.message.content ?? "").length;
        },
      });
      const { metrics } = await trainer.step(["abc", "cab", "bca"]);
      expect(metrics["rollouts/ok"]).toBe(8);
      expect(metrics["rollouts/no_call"]).toBe(4);
      expect(seen).toEqual(Array.from({ length: 12 }, () => [{}, "running"]));

      const { items } = await store.queryRollouts();
      expect(items).toHaveLength(12);
      for (const rollout of items) {
        const isBroken = rollout.input === "abc";
        expect(rollout.status).toBe(isBroken ? "failed" : "succeeded");
        expect([rollout.resourcesId, rollout.resourcesVersion]).toEqual([bundle.resourcesId, 1]);
        expect(rollout.metadata).toMatchObject({ step: 0 });
        const spans = (await store.querySpans(rollout.rolloutId)).items;
        expect(spans.filter(({ name }) => name === "openai.chat.completion")).toHaveLength(isBroken ? 0 : 1);
        expect(spans.map(({ sequenceId }) => sequenceId)).toEqual(spans.map((_, i) => i + 1));
      }
    },
  );
});
