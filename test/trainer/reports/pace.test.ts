import { describe, expect, it } from "vitest";
import { createPace } from "../../../src/trainer/reports/pace.js";

function paceOf() {
  let ms = 0;
  const pace = createPace(() => ms);
  const take = (run: { step: number; steps: number } | undefined, tookMs: number) => {
    pace.begin(run);
    ms += tookMs;
    return pace.secondsLeft();
  };
  return { take, wait: (waitedMs: number) => (ms += waitedMs) };
}

describe("the pace of a run", () => {
  it("is the mean of its steps, what lies between them included", () => {
    const { take, wait } = paceOf();
    expect(take({ step: 0, steps: 4 }, 2000)).toBe(6);
    wait(2000);
    expect(take({ step: 1, steps: 4 }, 2000)).toBe(6);
    expect(take({ step: 2, steps: 4 }, 1000)).toBeCloseTo(7 / 3);
    expect(take({ step: 3, steps: 4 }, 1000)).toBe(0);
  });

  it("begins where this process did, at the next run, and after steps by hand", () => {
    const { take, wait } = paceOf();
    expect(take({ step: 30, steps: 40 }, 1000)).toBe(9);
    wait(60_000);
    expect(take({ step: 0, steps: 3 }, 4000)).toBe(8);
    expect(take(undefined, 1000)).toBeUndefined();
    wait(60_000);
    expect(take({ step: 1, steps: 3 }, 3000)).toBe(3);
  });

  it("follows a list that grows", () => {
    const { take } = paceOf();
    take({ step: 0, steps: 2 }, 1000);
    expect(take({ step: 1, steps: 5 }, 1000)).toBe(3);
  });
});
