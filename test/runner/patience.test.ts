// Calls to a store that is out of reach, on a clock that the test moves.
import { expect, it, vi } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { patiently } from "../../src/runner/patience.js";
import { settle } from "../support/manual-clock.js";

const clock = await vi.hoisted(async () => (await import("../support/manual-clock.js")).createManualClock());
vi.mock("../../src/base/clock.js", async (original) => ({ ...(await original<object>()), ...clock.module }));

const away = new LightningError("E_STORE", "away");

it("a call to a store that is out of reach is repeated, at intervals that double up to 5 seconds", async () => {
  let calls = 0;
  const call = () => (++calls <= 8 ? Promise.reject(away) : Promise.resolve("back"));
  const result = patiently(call, { patienceMs: 10, drain: new AbortController().signal });
  const delays: number[] = [];
  for (let i = 0; i < 8; i++) {
    await settle();
    delays.push(...clock.delays());
    await clock.fire();
  }
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect([await result, calls]).toEqual(["back", 9]);
});

it("what a store refuses is no reason to ask again", async () => {
  const refused = new LightningError("E_STATE", "over");
  let calls = 0;
  const call = () => {
    calls += 1;
    return Promise.reject(refused);
  };
  await expect(patiently(call, { patienceMs: 10, drain: new AbortController().signal })).rejects.toBe(
    refused,
  );
  expect(calls).toBe(1);
});

it("patience ends when the drain has begun and its time, with the next interval, is over", async () => {
  const drain = new AbortController();
  drain.abort();
  let calls = 0;
  const call = () => {
    calls += 1;
    return Promise.reject(away);
  };
  // 100 + 200 are within 300; the next 400 are not.
  const failed = patiently(call, { patienceMs: 300, drain: drain.signal }).catch((error) => error);
  await clock.advance(100);
  await clock.advance(200);
  expect([await failed, calls, clock.delays()]).toEqual([away, 3, []]);
});
