// The sweep over runs that are made up: what it asks for, and what it makes of the answers.
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { rowsOf } from "../../benchmarks/sweep.mjs";

interface Run {
  readonly task: string;
  readonly train: "adapter" | "all";
  readonly grpo: { readonly lr: number; readonly dead?: "drop" | "count" };
  readonly seed: number;
  readonly steps: number;
}
interface Row {
  readonly shape: Record<string, unknown>;
  readonly value: number;
  readonly [name: string]: unknown;
}

/** Rises to 0.9 below a rate, falls to 0 from it on. */
async function rowsWhere(collapses: (run: Run) => boolean, bonus = (_: Run) => 0): Promise<[Row[], Run[]]> {
  const asked: Run[] = [];
  const rows: Row[] = [];
  const take = async (run: Run) => {
    asked.push(run);
    const end = collapses(run) ? 0 : 0.9 + bonus(run);
    const rewards = Array.from(
      { length: run.steps },
      (_, step) => 0.4 + ((end - 0.4) * step) / (run.steps - 1),
    );
    return { rewards, rates: rewards.map(() => 1), before: { sampled: 0.4 }, after: { sampled: end } };
  };
  for await (const row of rowsOf(take, 1)) rows.push(row);
  return [rows, asked];
}

const boundaryOf = (rows: readonly Row[], train: string) =>
  rows.find(({ shape, unit }) => unit === "largest rate that holds" && shape.train === train);

describe("the sweep", () => {
  it("takes at least five rates, two tasks and three seeds of each way of training, and ten seeds of dead groups", async () => {
    const [rows, asked] = await rowsWhere(() => false);
    const count = (of: (run: Run) => unknown, where: (run: Run) => boolean) =>
      new Set(asked.filter(where).map(of)).size;
    for (const train of ["adapter", "all"]) {
      const isSwept = (run: Run) => run.train === train && run.grpo.dead === undefined;
      expect(count(({ grpo }) => grpo.lr, isSwept)).toBeGreaterThanOrEqual(5);
      expect(count(({ task }) => task, isSwept)).toBe(2);
      expect(count(({ seed }) => seed, isSwept)).toBe(3);
      expect(asked.filter(isSwept)).toHaveLength(6 * count(({ grpo }) => grpo.lr, isSwept));
      expect(boundaryOf(rows, train)?.collapses).toBeUndefined();
    }
    expect(
      count(
        ({ seed }) => seed,
        ({ grpo }) => grpo.dead === "count",
      ),
    ).toBe(10);
    expect(rows.every(({ value }) => Number.isFinite(value))).toBe(true);
  });

  it.each([
    ["on every task and seed", () => true],
    ["on one seed of one task", ({ task, seed }: Run) => task === "calculator" && seed === 2],
  ])("finds the rate that collapses %s", async (_, where) => {
    const [rows] = await rowsWhere((run) => where(run) && run.grpo.lr >= (run.train === "all" ? 4e-4 : 4e-3));
    expect(boundaryOf(rows, "adapter")).toMatchObject({ value: 2e-3, collapses: 4e-3 });
    expect(boundaryOf(rows, "all")).toMatchObject({ value: 2e-4, collapses: 4e-4 });
    const told = rows.filter(({ collapsed }) => collapsed === true).map(({ shape }) => shape.lr as number);
    expect(Math.min(...told)).toBe(4e-4);
  });

  it("tells by how much dead groups that count are better, as an interval over ten seeds of each task", async () => {
    const [rows] = await rowsWhere(
      () => false,
      ({ grpo, seed }) => (grpo.dead === "count" ? 0.02 + 0.002 * (seed % 2) : 0),
    );
    const told = rows.filter(({ shape }) => shape.dead === "count - drop");
    expect(told.map(({ shape }) => shape.task)).toEqual(["sorting", "calculator"]);
    for (const { value, low, high } of told) {
      expect(value).toBeCloseTo(0.021 / 2, 9);
      expect(low as number).toBeLessThan(value);
      expect((high as number) + (low as number)).toBeCloseTo(2 * value, 9);
    }
  });
});
