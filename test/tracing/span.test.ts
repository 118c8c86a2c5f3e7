import { describe, expect, it } from "vitest";
import { runInRollout } from "../../src/tracing/run-in-rollout.js";
import { draftSpan, recordSpan } from "../../src/tracing/span.js";
import { testScope } from "./test-scope.js";

describe("a drafted span", () => {
  it("is recorded as drafted, once, when it is given back", async () => {
    const scope = testScope();
    const draft = await runInRollout(scope, () => {
      const span = draftSpan({ name: "x", attributes: { a: 1 }, startTime: 5, endTime: 7 })!;
      expect(scope.spans).toEqual([]);
      recordSpan(span);
      return span;
    });
    expect(draft).toMatchObject({ startTime: 5, endTime: 7, events: [], parentId: null });
    expect(scope.spans).toEqual([draft]);
  });

  it("does not exist outside a rollout, and one from inside is not recorded there", async () => {
    const scope = testScope();
    const draft = await runInRollout(scope, () => draftSpan({ name: "x", attributes: {} })!);
    expect(draftSpan({ name: "x", attributes: {} })).toBe(undefined);
    recordSpan(draft);
    expect([scope.spans, scope.dropped]).toEqual([[], []]);
  });
});
