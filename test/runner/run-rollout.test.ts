// Deadlines of rollouts: late is late, whoever kept the timer from firing.
import { describe, expect, it } from "vitest";
import { type RunReport, runRollout } from "../../src/runner/run-rollout.js";
import { emitReward } from "../../src/tracing/emit.js";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const block = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
};

function run(
  agent: () => unknown,
  timeoutMs: number | null,
  signal: AbortSignal | undefined = undefined,
): Promise<RunReport> {
  return runRollout({
    ...{ agent: agent as never, input: null, rolloutId: "ro-1", attemptId: "at-1", mode: "train" },
    ...{ resources: {}, timeoutMs, signal, handle: async () => new Response(), route: () => "ignore" },
  });
}

const blockThen = (result: number) => {
  block(60);
  return result;
};

const late: readonly (readonly [string, () => unknown])[] = [
  ["blocks the loop and returns", () => blockThen(1)],
  ["blocks the loop and returns a promise", async () => blockThen(1)],
  ["blocks after a pause", () => pause(1).then(() => blockThen(1))],
  [
    "blocks and throws",
    () => {
      block(60);
      throw new Error("too late");
    },
  ],
  [
    "blocks in short pieces",
    async () => {
      for (let i = 0; i < 30; i++) {
        block(3);
        await null;
      }
      return 1;
    },
  ],
  [
    "blocks and leaves a stray",
    () => {
      block(60);
      void Promise.reject(new Error("too late"));
      return 1;
    },
  ],
  ["waits for too long", () => pause(60)],
  ["never ends", () => new Promise(() => undefined)],
];

describe("an agent's deadline", () => {
  it.each(late)("is missed by one that %s", async (_, agent) => {
    const { ended, result, error } = await run(agent, 30);
    expect([ended, result, String(error)]).toEqual([
      "timeout",
      undefined,
      expect.stringContaining("expected the agent to finish within 30 ms"),
    ]);
  });

  it("is missed by one that is blocked by another, and counts before a cancellation that comes later", async () => {
    const abort = new AbortController();
    const slow = run(() => pause(5).then(() => 1), 20, abort.signal);
    const other = run(async () => {
      await pause(1);
      block(60);
      abort.abort();
    }, null);
    expect([(await slow).ended, (await other).ended]).toEqual(["timeout", "returned"]);
  });

  it("ends its spans too: what it emits after it is dropped", async () => {
    const report = await run(() => {
      emitReward(0.5);
      block(60);
      emitReward(1);
      return 1;
    }, 30);
    expect(report).toMatchObject({ ended: "timeout", spans: [{}], droppedSpans: 1 });
  });

  it.each([null, 1000, 2 ** 31 + 10, 1e15])("of %s ms is kept by one that is quick", async (timeoutMs) => {
    expect(await run(() => pause(5).then(() => 1), timeoutMs)).toMatchObject({
      ended: "returned",
      result: 1,
    });
  });

  it("does not move with a clock that is set back", async () => {
    const realNow = Date.now;
    const running = run(() => new Promise(() => undefined), 40);
    Date.now = () => realNow() - 86_400_000;
    try {
      expect((await running).ended).toBe("timeout");
    } finally {
      Date.now = realNow;
    }
  });
});
