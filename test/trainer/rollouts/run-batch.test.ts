// How a batch hands out its rollouts and what ends it, with rollouts that run nothing.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LightningError } from "../../../src/base/error.js";
import { installInterception } from "../../../src/tracing/interception.js";
import type {
  AgentContext,
  BatchRequest,
  RunningBatch,
} from "../../../src/trainer/rollouts/batch-rollout.js";
import { type BatchOptions, runBatch } from "../../../src/trainer/rollouts/run-batch.js";

const run = vi.hoisted(() => vi.fn());
const finish = vi.hoisted(() => vi.fn());
vi.mock("../../../src/trainer/rollouts/batch-rollout.js", () => ({
  runBatchRollout: run,
  finishRollout: finish,
}));

type Run = (batch: RunningBatch, request: BatchRequest, workerId: string) => Promise<object>;
let release: () => void = () => undefined;
beforeAll(() => {
  release = installInterception();
});
afterAll(() => release());
beforeEach(() => {
  run.mockReset().mockImplementation(async (_, { input }: BatchRequest) => ({ input, doubt: null }));
  finish
    .mockReset()
    .mockImplementation(async (_, { input }: { input: unknown }, doubt: unknown) => ({ input, doubt }));
});

const policyOf = (more: object = {}) => ({
  ...{ config: {}, contextLength: 1, tokenizer: {}, toolCalls: {}, thoughtsIn: {} },
  renderChat: (...values: unknown[]) => values,
  constrain: async (form: unknown) => form,
  sample: async (options: unknown) => options,
  ...more,
});

function batch(inputs: readonly unknown[], more: Partial<BatchOptions> = {}, context: object = {}) {
  const told: unknown[] = [];
  const requests = inputs.map((input) => ({ input })) as unknown as BatchRequest[];
  const whole = { policy: policyOf(), settings: { concurrency: 2 }, ...context } as unknown as AgentContext;
  const options = { sampling: (() => 0) as never, signal: new AbortController().signal, ...more };
  const report = runBatch(whole, requests, {
    onRollout: (rollout) => told.push((rollout as unknown as { input: unknown }).input),
    ...options,
  });
  return {
    told,
    report,
    inputs: async () => (await report).rollouts.map((rollout) => Reflect.get(rollout, "input")),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a batch", () => {
  it("runs as many rollouts at a time as are allowed, by workers with names, and gives them in order", async () => {
    let [atOnce, most] = [0, 0];
    const workers = new Set<string>();
    run.mockImplementation((async (_, { input }, workerId) => {
      workers.add(workerId);
      most = Math.max(most, ++atOnce);
      for (let i = 0; i < 5 - Number(input); i++) await turn();
      atOnce -= 1;
      return { input, doubt: null };
    }) satisfies Run);
    const { inputs, told } = batch([0, 1, 2, 3, 4]);
    expect(await inputs()).toEqual([0, 1, 2, 3, 4]);
    expect([most, [...workers].sort(), told.toSorted()]).toEqual([
      2,
      ["trainer-0", "trainer-1"],
      [0, 1, 2, 3, 4],
    ]);
    expect(told).not.toEqual([0, 1, 2, 3, 4]);
  });

  it("begins no more workers than it has rollouts", async () => {
    await batch([0], {}, { settings: { concurrency: 8 } }).report;
    expect(run.mock.calls.map(([, , workerId]) => workerId)).toEqual(["trainer-0"]);
  });

  it("gives the place of a rollout that is in doubt to the next, and waits for its verdict", async () => {
    let tell: (doubt: unknown) => void = () => undefined;
    const doubt = new Promise((resolve) => {
      tell = resolve;
    });
    run.mockImplementation(async (_, { input }) => ({ input, doubt: input === 0 ? doubt : null }));
    const { report, told } = batch([0, 1, 2], {}, { settings: { concurrency: 1 } });
    for (let i = 0; i < 20; i++) await turn();
    expect(told).toEqual([1, 2]);
    tell("known");
    expect((await report).rollouts[0]).toEqual({ input: 0, doubt: "known" });
    expect(told).toEqual([1, 2, 0]);
  });

  it.each([0, 1])(
    "is ended by a store that fails in place %i, after the others have ended",
    async (place) => {
      const failure = new Error("the store broke");
      let [ended, begun] = [0, 0];
      run.mockImplementation(async (running: RunningBatch, { input }: BatchRequest) => {
        begun += 1;
        if (input === place) throw failure;
        while (!running.signal.aborted) await turn();
        ended += 1;
        return { input, doubt: null };
      });
      await expect(batch([0, 1, 2, 3]).report).rejects.toBe(failure);
      expect([begun, ended]).toEqual([2, 1]);
    },
  );

  it("is ended by what its listener throws, and by a verdict that fails", async () => {
    const onRollout = () => {
      throw new Error("the listener broke");
    };
    await expect(batch([0, 1], { onRollout }).report).rejects.toThrow("the listener broke");
    const doubt = Promise.reject(new Error("no verdict"));
    doubt.catch(() => undefined);
    run.mockImplementation(async () => ({ doubt }));
    await expect(batch([0]).report).rejects.toThrow("no verdict");
  });

  it("begins nothing once its signal aborts, and rejects with its reason", async () => {
    const abort = new AbortController();
    run.mockImplementation(async (_, { input }) => {
      abort.abort(new Error("enough"));
      return { input, doubt: null };
    });
    await expect(batch([0, 1, 2, 3], { signal: abort.signal }).report).rejects.toThrow("enough");
    expect(run.mock.calls.length).toBeLessThan(3);
  });
});

/** What becomes of a batch whose one rollout uses the policy and gets an error. */
async function using(use: (running: RunningBatch) => Promise<unknown>, context: object) {
  let thrown: unknown;
  run.mockImplementation(async (running: RunningBatch) => {
    await use(running).catch((error: unknown) => {
      thrown = error;
    });
    return { doubt: null };
  });
  const outcome = await batch([0], {}, context).report.then(
    () => "went on",
    (error: unknown) => error,
  );
  return { outcome, thrown };
}

describe("a policy within a batch", () => {
  const kinds = ["sample", "constrain"] as const;
  it.each(kinds)("ends the batch when %s fails, but not for a request that it refuses", async (kind) => {
    for (const [error, ends] of [
      [new LightningError("E_CLOSED", "closed"), true],
      [new LightningError("E_NONFINITE", "damaged"), true],
      [new LightningError("E_ARGUMENT", "too long"), false],
      [new LightningError("E_MEMORY", "full"), false],
      [new Error("of another kind"), false],
    ] as const) {
      const policy = policyOf({ [kind]: () => Promise.reject(error) });
      const { outcome, thrown } = await using(({ policy }) => policy[kind]({} as never), { policy });
      expect([thrown, outcome]).toEqual([error, ends ? error : "went on"]);
    }
  });

  it("does not end it when the call was cut off", async () => {
    const error = new LightningError("E_CLOSED", "cut");
    const policy = policyOf({ sample: () => Promise.reject(error) });
    const cut = { signal: AbortSignal.abort() } as never;
    expect((await using(({ policy }) => policy.sample(cut), { policy })).outcome).toBe("went on");
    const open = { signal: new AbortController().signal } as never;
    expect((await using(({ policy }) => policy.sample(open), { policy })).outcome).toBe(error);
  });

  it("answers as it is", async () => {
    const policy = policyOf();
    const seen: unknown[] = [];
    await using(
      async (running) => {
        seen.push(
          running.policy.renderChat("m" as never, "o" as never),
          await running.policy.sample(1 as never),
        );
        seen.push(
          await running.policy.constrain(2 as never),
          running.policy.config === (policy.config as never),
        );
      },
      { policy },
    );
    expect(seen).toEqual([["m", "o"], 1, 2, true]);
  });
});

describe("a redaction within a batch", () => {
  it("ends the batch when it fails or gives no span, and is absent where there is none", async () => {
    const failure = new Error("redact broke");
    const failing = () => {
      throw failure;
    };
    const shown = async ({ context }: RunningBatch) => context.redact?.({ attributes: {} } as never);
    expect(await using(shown, { redact: failing })).toEqual({ outcome: failure, thrown: failure });
    expect((await using(shown, { redact: () => 5 })).outcome).toMatchObject({ code: "E_ARGUMENT" });
    expect((await using(shown, { redact: () => null })).outcome).toBe("went on");
    let redact: unknown = "unknown";
    await using(async ({ context }) => (redact = context.redact), {});
    expect(redact).toBe(undefined);
  });
});
