import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { createInProcessRun } from "../../src/runner/run-in-process.js";
import { type RunnerOptions, runRunner } from "../../src/runner/runner.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import type { LightningStore } from "../../src/store/store.js";
import { emitMessage } from "../../src/tracing/emit.js";
import type { Agent } from "../../src/types/agent.js";
import { rewardOfSpan } from "../../src/types/span-reward.js";

/** Runs until the rollouts have ended, then drains. */
async function run(
  store: LightningStore,
  agent: Agent<never>,
  ids: readonly string[],
  options: Partial<RunnerOptions> = {},
) {
  const drain = new AbortController();
  const events: string[] = [];
  const running = runRunner({
    ...{ store, workerId: "w", concurrency: 4, heartbeatMs: 50, drain: drain.signal },
    run: createInProcessRun(agent, { graceMs: 50, onAbandoned: (id) => events.push(`abandoned ${id}`) }),
    onEvent: (message) => events.push(message),
    ...options,
  });
  await store.waitForRollouts(ids, { timeoutMs: 10_000 });
  drain.abort();
  return { ...(await running), events };
}

async function enqueue(store: LightningStore, count = 1, config = {}): Promise<string[]> {
  const inputs = Array.from({ length: count }, (_, input) => ({ input, config }));
  return (await store.enqueue(inputs)).map(({ rolloutId }) => rolloutId);
}

/** The store, some of its methods otherwise. */
function changed(store: LightningStore, methods: Partial<LightningStore>): LightningStore {
  return new Proxy(store, {
    get: (target, key) => {
      const method = Reflect.get(methods, key) ?? Reflect.get(target, key);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
}

const statusOf = async (store: LightningStore, id: string) => (await store.getRollout(id)).status;
const lastOf = async (store: LightningStore, id: string) => (await store.getLatestAttempt(id))!;

describe("a runner", () => {
  it("runs every rollout of the queue once, some at a time, and keeps their spans and rewards", async () => {
    const store = createMemoryStore();
    const ids = await enqueue(store, 30);
    let [atOnce, most] = [0, 0];
    const agent: Agent<number> = async (task) => {
      most = Math.max(most, ++atOnce);
      emitMessage(`task ${task}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      atOnce--;
      return task / 2;
    };
    expect(await run(store, agent as Agent<never>, ids)).toMatchObject({ succeeded: 30, failed: 0 });
    expect(most).toBe(4);
    for (const [i, id] of ids.entries()) {
      const { items } = await store.querySpans(id);
      expect(items.map(({ name, sequenceId }) => [name, sequenceId])).toEqual([
        ["agentlightning.message", 1],
        ["agentlightning.annotation", 2],
      ]);
      expect(rewardOfSpan(items[1]!)).toBe(i / 2);
      expect(await lastOf(store, id)).toMatchObject({ status: "succeeded", workerId: "w", sequenceId: 1 });
    }
    expect(await store.getWorker("w")).toMatchObject({ status: "idle", currentRolloutId: null });
  });

  it("hands the agent its task, mode and resources", async () => {
    const store = createMemoryStore();
    const resources = {
      prompt: { resourceType: "prompt_template", template: "{x}", engine: "f-string" },
    } as const;
    await store.addResources(resources);
    const [rollout] = await store.enqueue([{ input: { a: 1 }, mode: "val" }]);
    let seen: unknown;
    const agent: Agent<never> = (task, { mode, resources: given, rolloutId }) => {
      seen = { task, mode, given, rolloutId };
    };
    await run(store, agent, [rollout!.rolloutId]);
    expect(seen).toEqual({ task: { a: 1 }, mode: "val", given: resources, rolloutId: rollout!.rolloutId });
  });

  it("hands the agent its resources as they were when it was enqueued, at every attempt", async () => {
    const store = createMemoryStore();
    const template = (text: string) => ({
      prompt: { resourceType: "prompt_template", template: text, engine: "f-string" } as const,
    });
    const { resourcesId } = await store.addResources(template("first"));
    const [id] = await enqueue(store, 1, { maxAttempts: 2, retryCondition: ["failed"] });
    await store.updateResources(resourcesId, template("second"));
    const seen: unknown[] = [];
    const agent: Agent<never> = async (_, { resources }) => {
      seen.push(resources);
      await store.updateResources(resourcesId, template("later"));
      if (seen.length === 1) throw new Error("again");
    };
    await run(store, agent, [id!]);
    expect(seen).toEqual([template("first"), template("first")]);
  });

  it.each<[string, Agent<never>, string, string]>([
    ["throws", () => Promise.reject(new Error("no luck")), "failed", "Error: no luck"],
    ["throws undefined", () => Promise.reject(undefined), "failed", "undefined"],
    ["returns what is no reward", (() => "1") as never, "failed", "got a value of type string"],
    ["returns NaN", () => Number.NaN, "failed", "finite"],
    ["takes too long", () => new Promise(() => undefined), "timeout", "within 100 ms"],
  ])("tells the store why an agent failed that %s", async (_, agent, status, reason) => {
    const store = createMemoryStore();
    const [id] = await enqueue(store);
    await run(store, agent, [id!], { timeoutMs: 100 });
    const attempt = await lastOf(store, id!);
    expect([attempt.status, attempt.metadata.error]).toEqual([status, expect.stringContaining(reason)]);
  });

  it("tries again as the rollout's configuration says", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store, 1, { maxAttempts: 3, retryCondition: ["failed"] });
    let tries = 0;
    await run(store, () => (++tries < 3 ? Promise.reject(new Error("again")) : 1), [id!]);
    expect([tries, await statusOf(store, id!)]).toEqual([3, "succeeded"]);
    const { items } = await store.queryAttempts(id!);
    expect(items.map(({ status }) => status)).toEqual(["failed", "failed", "succeeded"]);
  });

  it("fails an attempt whose resources are missing, with the reason, and leaves nothing preparing", async () => {
    const memory = createMemoryStore();
    await memory.updateResources("rs-gone", {});
    const [id] = await enqueue(memory);
    const store = changed(memory, {
      getResources: () => Promise.reject(new LightningError("E_NOT_FOUND", "expected rs-gone")),
    });
    await run(store, () => 1, [id!]);
    const attempt = await lastOf(memory, id!);
    expect([attempt.status, attempt.metadata.error]).toEqual(["failed", expect.stringContaining("rs-gone")]);
  });

  it("aborts the agent of a cancelled rollout within a heartbeat, and frees the worker", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store);
    let reason: unknown;
    let isRunning: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      isRunning = resolve;
    });
    const agent: Agent<never> = (_, { signal }) => {
      isRunning?.();
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          reject(signal.reason);
        }),
      );
    };
    void running.then(() => store.cancel(id!));
    const { events } = await run(store, agent, [id!]);
    expect(String(reason)).toContain("cancelled");
    expect(events.filter((event) => event.includes("abandoned"))).toEqual([]);
    expect(await statusOf(store, id!)).toBe("cancelled");
    expect(await lastOf(store, id!)).toMatchObject({ status: "failed", metadata: { outcome: "cancelled" } });
    expect((await store.getWorker("w")).status).toBe("idle");
  });

  it("gives up the slot of an agent that goes on after a cancellation", async () => {
    const store = createMemoryStore();
    const ids = await enqueue(store, 2);
    const agent: Agent<number> = (task) => {
      if (task > 0) return 1;
      setTimeout(() => void store.cancel(ids[0]!), 10);
      return new Promise(() => undefined);
    };
    const { events } = await run(store, agent as Agent<never>, ids, { concurrency: 1 });
    expect(await Promise.all(ids.map((id) => statusOf(store, id)))).toEqual(["cancelled", "succeeded"]);
    expect(events).toContain(`abandoned ${ids[0]}`);
  });

  it("keeps a long, silent agent alive in the eyes of the store", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store, 1, { unresponsiveSeconds: 0.2 });
    await run(store, () => new Promise((resolve) => setTimeout(() => resolve(1), 700)), [id!], {
      heartbeatMs: 10_000,
    });
    const { items } = await store.queryAttempts(id!);
    expect(items.map(({ status }) => status)).toEqual(["succeeded"]);
  });

  it("takes no more after the drain began, and finishes what it has", async () => {
    const store = createMemoryStore();
    const ids = await enqueue(store, 3);
    const drain = new AbortController();
    const agent: Agent<never> = async () => {
      drain.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 1;
    };
    const options = { store, workerId: "w", concurrency: 1, drain: drain.signal };
    const report = await runRunner({ ...options, run: createInProcessRun(agent, { graceMs: 10 }) });
    expect(report).toEqual({ succeeded: 1, failed: 0 });
    expect(await Promise.all(ids.map((id) => statusOf(store, id)))).toEqual([
      "succeeded",
      "queuing",
      "queuing",
    ]);
  });

  it("drains from a claim that waits", async () => {
    const store = createMemoryStore();
    const drain = new AbortController();
    const options = { store, workerId: "w", concurrency: 1, drain: drain.signal };
    const running = runRunner({ ...options, run: createInProcessRun(() => 1, { graceMs: 10 }) });
    setTimeout(() => drain.abort(), 20);
    expect(await running).toEqual({ succeeded: 0, failed: 0 });
  });

  it("finds again what the store gave it in an answer that was lost", async () => {
    const memory = createMemoryStore();
    const [id] = await enqueue(memory);
    let losses = 1;
    const store = changed(memory, {
      claim: async (...values) => {
        const claimed = await memory.claim(...values);
        if (losses-- > 0) throw new LightningError("E_STORE", "the connection was reset");
        return claimed;
      },
    });
    await run(store, () => 1, [id!]);
    expect(await statusOf(memory, id!)).toBe("succeeded");
    expect((await memory.queryAttempts(id!)).total).toBe(1);
  });

  it("keeps the spans of a time in which the store was out of reach", async () => {
    const memory = createMemoryStore();
    const [id] = await enqueue(memory);
    let failures = 3;
    const store = changed(memory, {
      addSpans: async (spans) => {
        if (failures-- > 0) throw new LightningError("E_STORE", "away");
        return memory.addSpans(spans);
      },
    });
    await run(store, () => emitMessage("kept"), [id!]);
    expect((await memory.querySpans(id!)).items.map(({ name }) => name)).toEqual(["agentlightning.message"]);
    expect(await statusOf(memory, id!)).toBe("succeeded");
  });

  it("tells the store how a rollout ended however long the store was out of reach, unless it drains", async () => {
    const memory = createMemoryStore();
    const [id] = await enqueue(memory);
    let isAway = true;
    const store = changed(memory, {
      updateAttempt: async (rolloutId, attemptId, changes) => {
        if (isAway && changes.status === "succeeded") throw new LightningError("E_STORE", "away");
        return memory.updateAttempt(rolloutId, attemptId, changes);
      },
    });
    setTimeout(() => {
      isAway = false;
    }, 1000);
    expect(await run(store, () => 1, [id!], { patienceMs: 100 })).toMatchObject({ succeeded: 1 });
    expect(await statusOf(memory, id!)).toBe("succeeded");
    isAway = true;
    const [other] = await enqueue(memory);
    const drain = new AbortController();
    const agent = () => {
      drain.abort();
      return 1;
    };
    const options = { store, workerId: "w", concurrency: 1, drain: drain.signal, patienceMs: 100 };
    await runRunner({ ...options, run: createInProcessRun(agent, { graceMs: 10 }) });
    expect(await statusOf(memory, other!)).toBe("running");
  });

  it("gives up the attempts of a runner that is gone, without any limit in their configuration", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store, 1, { maxAttempts: 2, retryCondition: ["unresponsive"] });
    await store.heartbeat("gone");
    await store.claim("gone");
    const { events } = await run(store, () => 1, [id!], { lostAfterMs: 200 });
    const { items } = await store.queryAttempts(id!);
    expect(items.map(({ status, workerId }) => [status, workerId])).toEqual([
      ["unresponsive", "gone"],
      ["succeeded", "w"],
    ]);
    expect(events.some((event) => event.includes("its runner gone is gone"))).toBe(true);
  });

  it("keeps no error of an attempt that went well, beside how it ended", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store);
    await run(store, () => 1, [id!]);
    expect((await lastOf(store, id!)).metadata).toEqual({ outcome: "returned" });
  });

  it("runs many attempts that one signal can stop without a warning, and stops them all", async () => {
    const store = createMemoryStore();
    const ids = await enqueue(store, 12);
    const stop = new AbortController();
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on("warning", onWarning);
    let begun = 0;
    const agent: Agent<never> = () => {
      if (++begun === 12) stop.abort();
      return new Promise(() => undefined);
    };
    const report = await run(store, agent, ids, { concurrency: 12, stop: stop.signal });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect([report.succeeded, report.failed, warnings]).toEqual([0, 12, []]);
    expect(report.events).toContain(`rollout ${ids[0]}: the runner was stopped`);
    expect((await lastOf(store, ids[11]!)).metadata.outcome).toBe("cancelled");
  });

  it("runs what it has claimed when it is stopped already, and ends it as cancelled", async () => {
    const store = createMemoryStore();
    const [id] = await enqueue(store);
    const report = await run(store, () => new Promise(() => undefined), [id!], { stop: AbortSignal.abort() });
    expect(report).toMatchObject({ succeeded: 0, failed: 1 });
  });

  it("leaves alone what was taken back before it began", async () => {
    const memory = createMemoryStore();
    const [id] = await enqueue(memory);
    let calls = 0;
    const store = changed(memory, {
      updateAttempt: async () => {
        await memory.cancel(id!);
        throw new LightningError("E_STATE", "over");
      },
    });
    const report = await run(store, () => ++calls, [id!]);
    expect([report.succeeded, report.failed, calls]).toEqual([0, 0, 0]);
    expect(report.events).toContain(`rollout ${id}: taken back before it began`);
  });

  it("counts as failed what it cannot tell the store, and goes on", async () => {
    const memory = createMemoryStore();
    const ids = await enqueue(memory, 2);
    const store = changed(memory, {
      updateAttempt: async (rolloutId, attemptId, changes) => {
        if (rolloutId !== ids[0] || changes.status !== "running")
          return memory.updateAttempt(rolloutId, attemptId, changes);
        await memory.cancel(rolloutId);
        throw new LightningError("E_ARGUMENT", "a defect");
      },
    });
    const report = await run(store, () => 1, ids);
    expect([report.succeeded, report.failed]).toEqual([1, 1]);
    expect(report.events).toContain(`rollout ${ids[0]}: cannot tell the store: a defect`);
  });

  it.each([
    ["concurrency", { concurrency: 0 }],
    ["heartbeatMs", { heartbeatMs: 9 }],
    ["lostAfterMs", { lostAfterMs: 9 }],
  ])("is refused with too small a %s", async (name, options) => {
    await expect(run(createMemoryStore(), () => 1, [], options)).rejects.toThrow(name);
  });
});
