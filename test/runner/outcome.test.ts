import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import {
  endOfRun,
  inDoubt,
  isRewarded as isRewardedEnd,
  type OutcomeRules,
  toOutcome as outcomeOf,
} from "../../src/runner/outcome.js";
import { isOutOfReach, isRefused } from "../../src/runner/patience.js";
import type { RunReport } from "../../src/runner/run-rollout.js";
import type { Span } from "../../src/types/span.js";

const rules: OutcomeRules = { rewardOnError: 0, noCall: "excluded" };
const toOutcome = (report: RunReport, spans: readonly Span[], by: OutcomeRules) =>
  outcomeOf(endOfRun(report), spans, by);
const isRewarded = (report: RunReport, spans: readonly Span[], by = rules) =>
  isRewardedEnd(endOfRun(report), spans, by);
const calls = { answered: 1, refused: 0, unseen: 0, mishaps: [] as string[] };
const reportOf = (ended: RunReport["ended"], more: object = {}): RunReport =>
  ({ ended, result: 0.5, error: new Error("broke"), calls, ...more }) as unknown as RunReport;
const called = (changes: Partial<typeof calls>) => ({ calls: { ...calls, ...changes } });

describe("what a finished run counts as", () => {
  it("may be without a reward where one is given later, but not with one that is none", () => {
    const later: OutcomeRules = { ...rules, noReward: "allowed" };
    const [none, bad] = [undefined, Number.NaN].map((result) => reportOf("returned", { result })) as [
      RunReport,
      RunReport,
    ];
    expect(toOutcome(none, [], later)).toEqual({ outcome: "ok", reward: null, parts: {}, error: null });
    expect(toOutcome(none, [], rules).outcome).toBe("no-reward");
    expect(toOutcome(bad, [], later).outcome).toBe("bad-reward");
    expect([none, bad].map((report) => isRewarded(report, [], later))).toEqual([true, false]);
    expect(isRewarded(none, [])).toBe(false);
    expect(isRewarded(reportOf("threw", { result: undefined }), [], later)).toBe(false);
  });

  it.each(["timeout", "cancelled", "provider-error"] as const)(
    "is excluded after %s, also without a call",
    (ended) => {
      for (const answered of [0, 1]) {
        const outcome = toOutcome(reportOf(ended, called({ answered })), [], { ...rules, rewardOnError: 1 });
        expect(outcome).toEqual({ outcome: ended, reward: null, parts: {}, error: "Error: broke" });
      }
    },
  );

  it("tells with a provider's failure what went past the policy, and with no other", () => {
    const mishaps = ["a call went elsewhere"];
    const errorOf = (ended: RunReport["ended"]) =>
      toOutcome(reportOf(ended, called({ mishaps })), [], rules).error;
    expect(errorOf("provider-error")).toBe("Error: broke; a call went elsewhere");
    expect(errorOf("timeout")).toBe("Error: broke");
  });

  it("is the returned reward of an agent that called", () => {
    const ok = { outcome: "ok", reward: 0.5, parts: { agent: 0.5 }, error: null };
    expect(toOutcome(reportOf("returned"), [], rules)).toEqual(ok);
    expect(isRewarded(reportOf("returned"), [])).toBe(true);
    expect(isRewarded(reportOf("threw"), [])).toBe(false);
    expect(isRewarded(reportOf("returned", { result: undefined }), [])).toBe(false);
  });

  it("has parts by name: what the agent returned, and the last of what it emitted under each other name", () => {
    const emitted = (sequenceId: number, rewards: readonly (readonly [string, number])[]) =>
      ({
        ...{ spanId: `${sequenceId}`, sequenceId, name: "agentlightning.annotation" },
        attributes: Object.fromEntries(
          rewards.flatMap(([name, value], n) => [
            [`agentlightning.reward.${n}.name`, name],
            [`agentlightning.reward.${n}.value`, value],
          ]),
        ),
      }) as unknown as Span;
    const spans = [
      emitted(3, [
        ["right", 0.25],
        ["short", 1],
      ]),
      emitted(1, [["primary", 7]]),
      emitted(2, [
        ["right", 0.75],
        ["polite", 0],
      ]),
    ];
    const partsOf = (report: RunReport) => toOutcome(report, spans, rules).parts;
    expect(partsOf(reportOf("returned"))).toEqual({ right: 0.25, short: 1, polite: 0, agent: 0.5 });
    expect(partsOf(reportOf("returned", { result: undefined })).agent).toBe(0.25);
    expect(partsOf(reportOf("timeout"))).toEqual({});
  });

  it("is no call for an agent that made none, unless that is allowed and none of its calls failed", () => {
    const none = (changes: Partial<typeof calls> = {}) =>
      reportOf("returned", called({ answered: 0, ...changes }));
    const allowed: OutcomeRules = { ...rules, noCall: "allowed" };
    expect(toOutcome(none(), [], rules)).toMatchObject({ outcome: "no-call", reward: null });
    expect(toOutcome(none(), [], rules).error).toContain('say noCall: "allowed"');
    expect(toOutcome(none(), [], allowed)).toMatchObject({ outcome: "ok", reward: 0.5 });
    for (const changes of [{ refused: 1 }, { unseen: 1 }])
      expect(toOutcome(none(changes), [], allowed).outcome).toBe("no-call");
    const threw = toOutcome(reportOf("threw", called({ answered: 0 })), [], allowed);
    expect(threw).toMatchObject({ outcome: "no-call", error: expect.stringContaining("Error: broke; ") });
    const refused = toOutcome(none({ mishaps: ["1 model call was refused"] }), [], rules);
    expect(refused.error).toBe("the policy answered no model call: 1 model call was refused");
  });

  it("is rewardOnError of an agent that threw after a call, but for a mistake in its own program", () => {
    const threw = (rewardOnError: OutcomeRules["rewardOnError"], error: unknown = new Error("broke")) =>
      toOutcome(reportOf("threw", { error }), [], { ...rules, rewardOnError });
    expect(threw(-1)).toEqual({ outcome: "error", reward: -1, parts: { agent: -1 }, error: "Error: broke" });
    expect(threw("exclude")).toEqual({ outcome: "error", reward: null, parts: {}, error: "Error: broke" });
    expect(threw(-1, new LightningError("E_ARGUMENT", "emitReward")).reward).toBe(null);
    expect(threw(-1, new LightningError("E_STATE", "closed")).reward).toBe(-1);
    const other = Object.assign(new Error("copy"), { name: "LightningError", code: "E_ARGUMENT" });
    expect(threw(-1, other).reward).toBe(null);
    expect(threw(-1, Object.assign(new Error("x"), { code: "E_ARGUMENT" })).reward).toBe(-1);
  });

  it("is in doubt by as many calls as there are", () => {
    expect(inDoubt(1, "ro-1")).toMatchObject({ outcome: "in-doubt", reward: null });
    expect(inDoubt(1, "ro-1").error).toMatch(/^1 model call that .*rollout ro-1 ran/);
    expect(inDoubt(2, "ro-1").error).toMatch(/^2 model calls that/);
  });
});

describe("a store's refusal", () => {
  it("is told from a store that is out of reach by its code", () => {
    const codes = ["E_STATE", "E_NOT_FOUND", "E_STORE", "E_ARGUMENT"] as const;
    const errors = codes.map((code) => new LightningError(code, "x"));
    expect(errors.map(isRefused)).toEqual([true, true, false, false]);
    expect(errors.map(isOutOfReach)).toEqual([false, false, true, false]);
    expect(
      [isRefused, isOutOfReach].map((is) => is(Object.assign(new Error(), { code: "E_STATE" }))),
    ).toEqual([false, false]);
  });
});
