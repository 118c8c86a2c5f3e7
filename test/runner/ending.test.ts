// What ends a rollout: the first of its deadline, its canceller and its errors.
import { expect, it, vi } from "vitest";
import { createEnding } from "../../src/runner/ending.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

const begin = (signal?: AbortSignal) => createEnding({ rolloutId: "ro-1", timeoutMs: 100, signal });

it("the first of what ends a rollout counts, and aborts its signal with its error", async () => {
  const ending = begin();
  expect([ending.cut(), ending.signal.aborted]).toEqual([undefined, false]);
  ending.end("threw", "first");
  ending.end("provider-error", "second");
  await clock.advance(200);
  expect([ending.cut(), ending.signal.reason]).toEqual([{ ended: "threw", error: "first" }, "first"]);
});

it("a deadline ends it as a timeout that names it and the time", async () => {
  const ending = begin();
  await clock.advance(100);
  expect(ending.cut()).toMatchObject({
    ended: "timeout",
    error: { name: "TimeoutError", message: "rollout ro-1: expected the agent to finish within 100 ms" },
  });
});

it("a cancellation ends it with its reason, unless its time was over or it is closed", () => {
  const cancelled = new AbortController();
  const running = begin(cancelled.signal);
  const closed = begin(cancelled.signal);
  closed.close();
  cancelled.abort("enough");
  expect(running.cut()).toEqual({ ended: "cancelled", error: "enough" });
  expect(closed.cut()).toBe(undefined);
  expect(begin(cancelled.signal).cut()).toEqual({ ended: "cancelled", error: "enough" });
  const other = new AbortController();
  const blocked = begin(other.signal);
  clock.block(101);
  other.abort("too late");
  expect(blocked.cut()?.ended).toBe("timeout");
});
