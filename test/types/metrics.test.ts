import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluationMetrics, metricOf, metrics } from "../../src/types/metrics.js";
import { root } from "../rules/sources.js";

describe("the table of metrics", () => {
  it("names everything once, in one spelling of folders", () => {
    const names = metrics.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^([a-z]+\/)*([a-zA-Z_0-9]+|\*)$/);
  });

  it.each([
    ["reward/mean", "reward/mean"],
    ["eval/reward/mean", "reward/mean"],
    ["eval/greedy/rollouts/ok", "rollouts/ok"],
    ["val-calls/truncated", "calls/truncated"],
    ["time/eval/seconds", "time/seconds"],
    ["time/eval/greedy/seconds", "time/seconds"],
    ["time/step", "time/step"],
    ["agents/calls/the planner/inner", "agents/calls/*"],
    ["eval/greedy/agents/calls/planner", "agents/calls/*"],
    ["eval/reward/part/judge/style", "reward/part/*"],
    ["agents/calls/", undefined],
    ["agents/planner", undefined],
    ["reward/part/agent", "reward/part/*"],
    ["eval/reward/part/a b/c", "reward/part/*"],
    ["eval/update/loss", undefined],
    ["update/loss_of_mine", undefined],
    ["time/elsewhere", undefined],
  ])("knows %s as %s", (written, name) => {
    expect(metricOf(written)?.name).toBe(name);
  });

  it("gives an evaluation's numbers its prefix, times behind their own folder", () => {
    const numbers = { "reward/mean": 0.5, "time/seconds": 3 };
    expect(evaluationMetrics("eval/x/", numbers)).toEqual({
      "eval/x/reward/mean": 0.5,
      "time/eval/x/seconds": 3,
    });
  });

  it("is what docs/metrics.md shows", () => {
    const rows = metrics.map(
      ({ name, unit, meaning, better, of }) =>
        `| \`${name}\` | ${unit} | ${better ?? ""} | ${of} | ${meaning} |`,
    );
    const shown = readFileSync(join(root, "docs/metrics.md"), "utf8").split("\n");
    expect(shown.filter((line) => line.startsWith("| `"))).toEqual(rows);
  });
});
