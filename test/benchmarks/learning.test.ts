// The comparison with a peer, by two programs that speak its protocol and learn nothing.
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { Harness } from "../../benchmarks/harness.mjs";
// @ts-expect-error a script without types
import { compare } from "../../benchmarks/learning.mjs";

interface Row {
  readonly contender: string;
  readonly shape: Record<string, unknown>;
  readonly value: number;
  readonly [name: string]: unknown;
}

/** A program that prints these rewards, one step a second times `pace`. */
const fake = (name: string, rewardsOf: (seed: number) => readonly number[], pace: number) => ({
  name,
  about: `${name} 1.0`,
  command: (run: { readonly seed: number }) => {
    const rewards = rewardsOf(run.seed);
    const output = { rewards, at: rewards.map((_, i) => (i + 1) * pace), cpuSeconds: 1 };
    return [
      process.execPath,
      "-e",
      `console.log("loading"); console.log(${JSON.stringify(JSON.stringify(output))})`,
    ];
  },
});
const runs = [1, 2, 3, 4, 5].map((seed) => ({
  task: "fake",
  train: "all",
  grpo: { lr: 1e-3 },
  seed,
  steps: 3,
  threads: 1,
}));
const noise = [0, 0.02, -0.02, 0.01, -0.01];
const ours = fake("engine", (seed) => [0.4, 0.6, 0.8].map((reward) => reward + (noise[seed - 1] ?? 0)), 1);

async function rowsOf(theirs: ReturnType<typeof fake>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of compare(new Harness({ force: true }), runs, [ours, theirs])) rows.push(row);
  return rows;
}

describe("the comparison with a peer", () => {
  it("has a row for each seed and contender, then the interval of the differences by step and by second", async () => {
    const rows = await rowsOf(fake("peer", () => [0.4, 0.5, 0.6], 1));
    expect(rows).toHaveLength(12);
    expect(rows.slice(0, 10).map(({ contender, shape }) => [contender, shape.seed])).toEqual(
      [1, 2, 3, 4, 5].flatMap((seed) => [
        ["engine", seed],
        ["peer", seed],
      ]),
    );
    expect(rows[0]).toMatchObject({
      subject: "learning",
      unit: "reward",
      rewards: [0.4, 0.6, 0.8],
      seconds: 3,
    });
    expect(rows[1]).toMatchObject({ about: "peer 1.0" });
    const [bySteps, bySeconds] = rows.slice(10);
    for (const row of [bySteps, bySeconds]) {
      expect(row?.contender).toBe("engine - peer");
      expect(row?.value).toBeCloseTo(0.1, 9);
      // s of the differences 0.1 + noise is 0.0158114; 2.776 s / sqrt(5)
      expect(row?.high).toBeCloseTo(0.1 + 0.019629, 5);
      expect(row?.low).toBeCloseTo(0.1 - 0.019629, 5);
      expect(row).toMatchObject({ holds: true });
      expect(row?.shape).toMatchObject({ seeds: 5, train: "all" });
    }
    expect([bySteps?.shape.per, bySeconds?.shape.per]).toEqual(["step", "second"]);
  });

  it("sees a peer that is ahead by step, and behind by second", async () => {
    const [bySteps, bySeconds] = (await rowsOf(fake("peer", () => [0.5, 0.7, 0.9], 8))).slice(10);
    expect(bySteps?.value).toBeCloseTo(-0.1, 9);
    expect(bySteps).toMatchObject({ holds: false });
    // The peer's steps end at 8, 16 and 24 seconds, when ours has ended its last.
    expect(bySeconds?.value).toBeCloseTo(0.8 - 0.7, 9);
    expect(bySeconds).toMatchObject({ holds: true });
  });

  it("stops at a peer that fails, with its words", async () => {
    const broken = {
      ...fake("peer", () => [], 1),
      command: () => [process.execPath, "-e", "throw new Error('no TRL')"],
    };
    await expect(rowsOf(broken)).rejects.toThrow(/no TRL/);
  });

  it("stops at a peer that took other steps", async () => {
    await expect(rowsOf(fake("peer", () => [0.4, 0.5], 1))).rejects.toThrow(/as many steps of both/);
  });
});
