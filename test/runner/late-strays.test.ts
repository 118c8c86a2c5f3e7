// Of what fails after a rollout's end, the first that is news is told.
import { beforeEach, expect, it, vi } from "vitest";
import { createLateStrays } from "../../src/runner/late-strays.js";

const warn = vi.hoisted(() => vi.fn());
vi.mock("../../src/base/warning.js", () => ({ warn }));
beforeEach(() => warn.mockClear());

/** What is told, of errors after a rollout that was cut short by `cutBy`. */
function told(cutBy: unknown, ...errors: unknown[]): string[] {
  warn.mockClear();
  const tell = createLateStrays("ro-1", undefined);
  for (const error of errors) tell(error, cutBy);
  return warn.mock.calls.map(([, message]) => /its end: (.*); await/.exec(message)?.[1] ?? message);
}

const named = (name: string) => Object.assign(new Error("x"), { name });
function within(depth: number, inner: unknown): unknown {
  return depth === 0 ? inner : new Error("outer", { cause: within(depth - 1, inner) });
}

it("the first late stray is told, and no other", () => {
  expect(told(undefined, new Error("a"), new Error("b"))).toEqual(["Error: a"]);
});

it("what says only that work was stopped is not told, and does not stand for what comes later", () => {
  const reason = new Error("cancelled");
  for (const echo of [reason, named("AbortError"), named("APIUserAbortError"), within(7, reason)])
    expect(told(reason, echo, new Error("news"))).toEqual(["Error: news"]);
  expect(told("text", "text", "other")).toEqual(["other"]);
});

it("what stopped by itself, or says so too deep, is told", () => {
  expect(told(undefined, named("AbortError"))).toEqual(["AbortError: x"]);
  const reason = new Error("cancelled");
  expect(told(reason, within(8, reason))).toEqual(["Error: outer"]);
  expect(told(reason, { name: "AbortError" }, reason)).toHaveLength(1);
});
