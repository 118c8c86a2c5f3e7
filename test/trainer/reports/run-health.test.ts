import { describe, expect, it } from "vitest";
import { createRunHealth } from "../../../src/trainer/reports/run-health.js";

type Step = Readonly<Record<string, number>>;
const well: Step = {
  "update/count": 1,
  "update/grad_norm": 0.5,
  "groups/dead": 0.25,
  "groups/dead_above": 0.25,
  "groups/dead_below": 0,
  "calls/truncated": 0.1,
  "reward/mean": 0.5,
};
const nothing: Step = { ...well, "update/count": 0, "groups/dead": 1, "reward/mean": 1 };
const still: Step = { ...well, "update/grad_norm": 0 };
const dead: Step = { ...well, "groups/dead": 0.875, "groups/dead_above": 0.125, "groups/dead_below": 0.75 };
const cut: Step = { ...well, "calls/truncated": 0.31 };
const times = (step: Step, count: number) => Array.from({ length: count }, () => step);

/** What is told, with the step after which it is. */
function told(steps: readonly Step[]): (readonly [number, string])[] {
  const health = createRunHealth();
  return steps.flatMap((step, i) => {
    const message = health.observe(step);
    return message === null ? [] : [[i + 1, message] as const];
  });
}

describe("a run that does not learn", () => {
  it.each([
    ["nothing to learn", nothing, ["nothing was learned", "1.000", "groupSize"]],
    [
      "no rollout good enough",
      { ...well, "update/count": 0 },
      ["no rollout could be learned from", "trainer.dev"],
    ],
    [
      "no rows at all of an algorithm without groups",
      { "update/count": 0 },
      ["no rollout could be learned from"],
    ],
    ["gradients of 0", still, ["every gradient was 0", "advantage"]],
    ["dead groups", dead, ["88 %", "13 % above", "75 % below", "groupSize"]],
    ["answers cut short", cut, ["31 %", "sampling.maxTokens"]],
  ] as const)("is told of after five steps of %s, once, with a remedy", (_, step, words) => {
    const messages = told(times(step, 20));
    expect(messages).toHaveLength(1);
    expect(messages[0]?.[0]).toBe(5);
    for (const word of words) expect(messages[0]?.[1]).toContain(word);
  });

  it.each([
    ["a good run", times(well, 50)],
    ["four bad steps, again and again", Array.from({ length: 5 }, () => [...times(nothing, 4), well]).flat()],
    ["just the limits", times({ ...well, "groups/dead": 0.8, "calls/truncated": 0.3 }, 20)],
    ["an algorithm that reports nothing", times({}, 20)],
    ["signs that take turns", Array.from({ length: 5 }, () => [...times(cut, 4), ...times(still, 4)]).flat()],
  ])("is not made of %s", (_, steps) => {
    expect(told(steps)).toEqual([]);
  });

  it("is one warning when several signs have one cause, and one when several last at once", () => {
    const all = { ...nothing, "calls/truncated": 0.9, "update/grad_norm": 0 };
    const messages = told(times(all, 20));
    expect(messages).toHaveLength(1);
    expect(messages[0]?.[1]).toContain("nothing was learned");
    expect(messages[0]?.[1]).toContain("90 %");
  });

  it("is told of another cause later, and not of a consequence of the first", () => {
    expect(
      told([...times(dead, 6), ...times(nothing, 6), ...times({ ...nothing, ...cut }, 6)]).map(([at]) => at),
    ).toEqual([5, 17]);
  });
});
