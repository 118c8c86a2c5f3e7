import { describe, expect, it } from "vitest";
// @ts-expect-error a program without types
import { evenTicks, rewardSvg } from "../../examples/quickstart/reward-svg.js";

const points = (...rewards: number[]) => rewards.map((reward, i) => ({ step: i, reward, ci95: 0.1 }));
const curve = {
  title: "A & B <c>",
  subtitle: "seed 1",
  training: points(0.1, 0.2, 0.3).map((point) => ({ ...point, step: point.step + 1 })),
  sampled: points(0, 0.5, 0.75, 1),
  greedy: points(0.5, 1),
};

describe("the reward's picture", () => {
  it.each([
    [1, [0, 1]],
    [7, [0, 1, 2, 3, 4, 5, 6, 7]],
    [13, [0, 2, 4, 6, 8, 10, 12]],
    [40, [0, 5, 10, 15, 20, 25, 30, 35, 40]],
    [60, [0, 10, 20, 30, 40, 50, 60]],
    [999, [0, 200, 400, 600, 800]],
    [8001, [0, 2000, 4000, 6000, 8000]],
  ])("has even ticks up to %i", (last, ticks) => {
    expect(evenTicks(last)).toEqual(ticks);
  });

  it("says what it shows, in text that XML can hold", () => {
    const svg = rewardSvg(curve);
    expect(svg).toContain("<title>A &amp; B &lt;c></title>");
    for (const word of ["seed 1", "training, sampled", "held-out, greedy", "training steps", "95 %"])
      expect(svg).toContain(word);
  });

  it("draws a band where there is an interval, within the frame", () => {
    const bands = [...rewardSvg(curve).matchAll(/<polygon points="([^"]+)"/g)];
    expect(bands).toHaveLength(3);
    for (const [, corners = ""] of bands) {
      for (const corner of corners.split(" ")) {
        const [x = 0, y = 0] = corner.split(",").map(Number);
        expect(x >= 56 && x <= 592 && y >= 56 && y <= 352).toBe(true);
      }
    }
    const bare = { ...curve, sampled: [], greedy: [{ step: 0, reward: 1 }], training: [] };
    expect(rewardSvg(bare)).not.toContain("polygon");
  });

  it("puts what was measured before the first step at 0, and a single step's reward where it can be seen", () => {
    const svg = rewardSvg({ ...curve, training: points(0.4) });
    expect(svg).toContain('cx="56" cy="352"');
    expect(svg).toContain('fill="#7d8896"/>');
  });
});
