import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { checkedRedact, type Redact, redactError, redactErrorSafely } from "../../src/runner/redact.js";
import { createInProcessRun } from "../../src/runner/run-in-process.js";
import { runRunner } from "../../src/runner/runner.js";
import { createMemoryStore } from "../../src/store/memory-store.js";
import { emitMessage } from "../../src/tracing/emit.js";
import type { SpanDraft } from "../../src/types/span.js";

const scrub = (text: string) => text.replaceAll("hunter2", "***");
const byAttribute: Redact = (span) => {
  const scrubbed = Object.entries(span.attributes).map(([name, value]) => [
    name,
    typeof value === "string" ? scrub(value) : value,
  ]);
  return { ...span, attributes: Object.fromEntries(scrubbed) as SpanDraft["attributes"] };
};
const byDescription: Redact = (span) => ({
  ...span,
  status: { ...span.status, description: span.status.description && scrub(span.status.description) },
});

describe("an error", () => {
  it.each([
    ["its attribute", byAttribute, "it was ***"],
    ["its description", byDescription, "it was ***"],
    ["both", (span: SpanDraft) => byDescription(byAttribute(span) as SpanDraft), "it was ***"],
    ["nothing", (span: SpanDraft) => span, "it was hunter2"],
    ["all of it", () => null, "(kept out by redact)"],
    ["its attributes", (span: SpanDraft) => ({ ...span, attributes: {} }), "(kept out by redact)"],
  ])("is told as redact leaves it, which changes %s", (_, redact, told) => {
    expect(redactError(redact, "threw", "it was hunter2")).toBe(told);
  });

  it("is shown to redact as a whole span", () => {
    let shown: SpanDraft | undefined;
    redactError((span) => (shown = span), "threw", "it broke");
    expect(shown).toEqual({
      ...{ name: "agentlightning.attempt", parentId: null, events: [] },
      ...{
        spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
      status: { code: "ERROR", description: "it broke" },
      attributes: { "agentlightning.attempt.outcome": "threw", "agentlightning.attempt.error": "it broke" },
      ...{ startTime: shown?.endTime, endTime: expect.any(Number) },
    });
  });

  it.each([undefined, 1, "text", {}])(
    "ends with E_ARGUMENT where redact gives %j in the place of a span",
    (given) => {
      const redact = checkedRedact((() => given) as never);
      expect(() => redactError(redact, "threw", "hunter2")).toThrow("a span or null to be returned");
      expect(checkedRedact(() => null)({} as never)).toBe(null);
    },
  );

  it("without the status that it had is kept out where only its description could tell", () => {
    const bare = (span: SpanDraft) => ({ ...span, status: { ...span.status, description: null } });
    expect(redactError(bare, "threw", "hunter2")).toBe("(kept out by redact)");
    const odd = (span: SpanDraft) => ({
      ...span,
      attributes: { ...span.attributes, "agentlightning.attempt.error": 1 },
    });
    expect(redactError(odd, "threw", "hunter2")).toBe("(kept out by redact)");
    expect(redactError(undefined, "threw", "as it is")).toBe("as it is");
  });

  it("is not told where redact fails", () => {
    const failing = () => {
      throw new TypeError("hunter2");
    };
    expect(() => redactError(failing, "threw", "hunter2")).toThrow();
    expect(redactErrorSafely(failing, "threw", "hunter2")).toBe(
      "an error that cannot be told, since redact failed (TypeError)",
    );
  });
});

describe("what a runner tells", () => {
  it.each([byAttribute, byDescription])(
    "of an agent's error and spans has passed redact, in the store, in its log and in warnings",
    async (redact) => {
      await using store = createMemoryStore();
      const drain = new AbortController();
      const events: string[] = [];
      const warnings: string[] = [];
      const onWarning = (warning: Error) => warnings.push(warning.message);
      process.on("warning", onWarning);
      const agent = async () => {
        if (redact === byAttribute) emitMessage("hunter2");
        // Left behind, and failing after the end.
        void pause(200).then(() => Promise.reject(new Error("late hunter2")));
        await pause(1);
        throw new Error("password hunter2 was wrong");
      };
      const [rollout] = await store.enqueue([{ input: 1 }]);
      const running = runRunner({
        ...{
          store,
          workerId: "w",
          concurrency: 1,
          drain: drain.signal,
          onEvent: (event) => events.push(event),
        },
        run: createInProcessRun(agent, { graceMs: 500, redact }),
      });
      await store.waitForRollouts([rollout!.rolloutId]);
      await expect.poll(() => warnings.join()).toContain("left behind");
      drain.abort();
      await running;
      process.off("warning", onWarning);
      const attempt = await store.getLatestAttempt(rollout!.rolloutId);
      expect(attempt?.metadata).toEqual({ outcome: "threw", error: "Error: password *** was wrong" });
      const { items } = await store.querySpans(rollout!.rolloutId);
      const told = JSON.stringify([items, events, warnings]);
      expect(told).toContain("password *** was wrong");
      expect(told).not.toContain("hunter2");
    },
  );
});
