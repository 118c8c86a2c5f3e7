// Fake timers of a user's tests stop neither stores nor runner nor trainer: time goes on for them.
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { grpo } from "../src/algorithms/grpo.js";
import { pause, performance } from "../src/base/clock.js";
import { createInProcessRun } from "../src/runner/run-in-process.js";
import { runRunner } from "../src/runner/runner.js";
import { serve } from "../src/server/store-api/serve.js";
import { openHttpStore } from "../src/store/http/open-http-store.js";
import { claimNew, statusesOf } from "../src/store/laws/law.js";
import { createMemoryStore } from "../src/store/memory-store.js";
import { openSqliteStore } from "../src/store/sqlite/open-sqlite-store.js";
import type { LightningStore } from "../src/store/store.js";
import { createTrainer } from "../src/trainer/create-trainer.js";
import { temporaryFile } from "./store/sqlite/temporary-file.js";
import { tinyPolicy } from "./trainer/tiny-policy.js";

const stores: readonly (readonly [string, () => Promise<LightningStore>])[] = [
  ["memory", async () => createMemoryStore()],
  ["sqlite", async () => openSqliteStore(temporaryFile())],
  [
    "http",
    async () => {
      const server = await serve({ store: createMemoryStore(), port: 0 });
      return openHttpStore(server.url);
    },
  ],
];

/** As a user's test has them: all that can be faked, the clock of the wall stopped. */
const fakes: readonly (readonly [string, () => void])[] = [
  ["all that vitest fakes", () => vi.useFakeTimers()],
  ["a date long ago", () => vi.useFakeTimers({ now: 0 })],
  [
    "timers alone",
    () =>
      vi.useFakeTimers({
        toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate"],
      }),
  ],
  [
    "globals by hand",
    () => {
      for (const name of ["setTimeout", "setInterval", "setImmediate"])
        vi.stubGlobal(name, () => ({ unref: () => 0, ref: () => 0 }));
      vi.stubGlobal("performance", { now: () => 0, timeOrigin: 0 });
    },
  ],
];

describe.each(fakes)("under %s", (_, fake) => {
  beforeEach(fake);
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it.each(stores)("waiting in the %s store ends by its timeout", async (_name, open) => {
    const store = await open();
    const { rolloutId } = await claimNew(store);
    const began = performance.now();
    expect(await store.claim("w", 1, { timeoutMs: 60 })).toEqual([]);
    await store.waitForRollouts([rolloutId], { timeoutMs: 60 });
    expect(performance.now() - began).toBeGreaterThan(100);
    await store.close();
  });

  it.each(stores)("the %s store ends an attempt that takes too long", async (_name, open) => {
    const store = await open();
    const { rolloutId } = await claimNew(store, { timeoutSeconds: 0.1 });
    await store.waitForRollouts([rolloutId], { timeoutMs: 5000 });
    expect(await statusesOf(store, rolloutId)).toEqual(["failed", "timeout"]);
    await store.close();
  });

  it("a runner runs, beats, and ends what is past its deadline", async () => {
    const store = createMemoryStore();
    const rollouts = await store.enqueue([{ input: 1 }, { input: 2, config: { timeoutSeconds: 0.2 } }]);
    const drain = new AbortController();
    const agent = async (input: number) => (input === 1 ? 1 : pause(20_000, undefined, { ref: false }));
    const running = runRunner({
      ...{ store, workerId: "w", concurrency: 2, heartbeatMs: 30, drain: drain.signal },
      run: createInProcessRun(agent as never, { graceMs: 30, onAbandoned: () => undefined }),
      onEvent: () => undefined,
    });
    const ids = rollouts.map(({ rolloutId }) => rolloutId);
    const ended = await store.waitForRollouts(ids, { timeoutMs: 5000 });
    drain.abort();
    await running;
    expect(ended.map(({ status }) => status).sort()).toEqual(["failed", "succeeded"]);
  });

  it("a trainer takes steps, leaves a late agent behind, and closes", async () => {
    await using policy = await tinyPolicy();
    const client = new OpenAI({ apiKey: "not-needed", maxRetries: 0 });
    await using trainer = createTrainer({
      policy,
      agent: async (task: string) => {
        const messages = [{ role: "user" as const, content: task }];
        await client.chat.completions.create({ model: "m", messages });
        if (task === "b") await pause(20_000, undefined, { ref: false });
        return 1;
      },
      algorithm: grpo({ groupSize: 2, lr: 1e-4, schedule: "constant" }),
      sampling: { maxTokens: 4 },
      timeoutMs: 300,
    });
    const { metrics } = await trainer.step(["a", "b"]);
    expect(metrics).toMatchObject({ "rollouts/ok": 2, "rollouts/timeout": 2 });
    expect(metrics["time/step"]).toBeGreaterThan(0.25);
  });
});
