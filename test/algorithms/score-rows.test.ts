import { describe, expect, it } from "vitest";
import { countExactness, isCurrent } from "../../src/algorithms/exactness.js";
import { measureMove, scoreRows } from "../../src/algorithms/score-rows.js";
import { notingPolicy, writtenRow } from "./written-rows.js";

describe("a row is current", () => {
  const is = (row: Parameters<typeof isCurrent>[0]) => isCurrent(row, "default", 0, "f32");

  it("only when all of it was sampled by this adapter, version and arithmetic, and log-probabilities are known", () => {
    expect(is(writtenRow("a"))).toBe(true);
    expect(is(writtenRow("a", { sampledLogprobs: null }))).toBe(false);
    expect(is(writtenRow("a", { adapter: "other" }))).toBe(false);
    expect(is(writtenRow("a", { version: 1 }))).toBe(false);
    expect(is(writtenRow("a", { versions: [0, 1] }))).toBe(false);
    expect(is(writtenRow("a", { arithmetic: "bf16" }))).toBe(false);
  });

  it("not when one of its calls is of another version", () => {
    const [first] = writtenRow("a").transitions;
    const [second] = writtenRow("a", { version: 1 }).transitions;
    expect(is(writtenRow("a", { transitions: [first, second].flatMap((each) => each ?? []) }))).toBe(false);
  });
});

describe("the tokens of rows", () => {
  it("are compared by row, those that a grammar forced among them", () => {
    const rows = [writtenRow("a"), writtenRow("b", { mask: [0, 0, 1], forced: [0] }), writtenRow("c")];
    expect(countExactness(rows, [true, true, false])).toEqual({ compared: 4, stale: 2 });
  });
});

describe("scored rows", () => {
  it("come back in their order, in one call for each temperature", async () => {
    const { policy, asked } = notingPolicy();
    const rows = [1, 0.5, 1].map((temperature, i) => writtenRow(`r${i}`, { temperature }));
    const scores = await scoreRows(policy, "other", rows);
    expect(scores).toEqual(rows.map(() => [-0.5, -0.5, -0.5]));
    expect(asked.scored).toEqual([
      { rows: 2, adapter: "other", temperature: 1 },
      { rows: 1, adapter: "other", temperature: 0.5 },
    ]);
  });

  it("say nothing of how far a step moved the policy when none of their tokens was sampled", async () => {
    const { policy } = notingPolicy();
    const trajectory = writtenRow("a", { mask: [0, 0, 0] });
    expect(await measureMove(policy, "default", [{ trajectory, oldLogprobs: [0, 0, 0] }])).toEqual({});
  });

  it("hold a move within e^20 either way", async () => {
    const { policy } = notingPolicy(() => -100);
    const trajectory = writtenRow("a");
    const metrics = await measureMove(policy, "default", [{ trajectory, oldLogprobs: [0, -1, -200] }]);
    expect(metrics["update/ratio_min"]).toBe(Math.exp(-20));
    expect(metrics["update/ratio_max"]).toBe(Math.exp(20));
    expect(metrics["update/kl"]).toBeCloseTo((Math.expm1(-20) + 20 + Math.expm1(20) - 20) / 2, 3);
  });
});
