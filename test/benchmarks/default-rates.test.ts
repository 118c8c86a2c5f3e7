// The default rates against the sweep's rows: four times a default holds on every task and seed, and the sweep goes on to where rates collapse.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { defaultLearningRate, type Trained } from "../../src/algorithms/learning-rate.js";

interface SweepRow {
  readonly subject: string;
  readonly collapsed?: boolean;
  readonly shape: {
    readonly task: "sorting" | "calculator";
    readonly train: Trained;
    readonly lr: number;
    readonly seed: number;
  };
}

const widths = { sorting: 256, calculator: 128 };
const rows = readFileSync(new URL("../../benchmarks/results.jsonl", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.includes('"subject":"sweep"'))
  .map((line): SweepRow => JSON.parse(line))
  .filter(({ collapsed }) => collapsed !== undefined);
const ratesOf = (some: readonly SweepRow[]) => [...new Set(some.map(({ shape }) => shape.lr))];

describe.each<Trained>(["adapter", "all"])("the default rate of %s", (train) => {
  const swept = rows.filter(({ shape }) => shape.train === train);
  const collapsed = ratesOf(swept.filter((row) => row.collapsed));

  it("was swept over five rates, two tasks and three seeds, beyond the first that collapses", () => {
    expect(ratesOf(swept)).toHaveLength(5);
    for (const task of ["sorting", "calculator"] as const)
      for (const lr of ratesOf(swept)) {
        const seeds = swept
          .filter(({ shape }) => shape.task === task && shape.lr === lr)
          .map(({ shape }) => shape.seed);
        expect(new Set(seeds)).toEqual(new Set([1, 2, 3]));
      }
    expect(collapsed.length).toBeGreaterThan(0);
  });

  it.each(["sorting", "calculator"] as const)(
    "holds four times over on %s, and on every other task and seed",
    (task) => {
      const fourfold = 4 * defaultLearningRate(widths[task], train);
      const held = ratesOf(swept).filter((lr) => lr < Math.min(...collapsed));
      expect(Math.max(...held)).toBeGreaterThanOrEqual(fourfold * (1 - 1e-9));
    },
  );
});
