import { describe, expect, it } from "vitest";
import { fillNormal } from "../../src/base/normal.js";

describe("fillNormal", () => {
  it("gives the same element whatever slice it is drawn in", () => {
    const whole = new Float32Array(1000);
    fillNormal(whole, 0.02, { seed: 2 ** 40 + 7, stream: 3 });
    const part = new Float32Array(101);
    fillNormal(part, 0.02, { seed: 2 ** 40 + 7, stream: 3 }, 400);
    expect(part).toEqual(whole.slice(400, 501));
  });

  it("differs by seed, by the seed's upper half and by stream", () => {
    const draw = (seed: number, stream: number): string => {
      const out = new Float32Array(8);
      fillNormal(out, 1, { seed, stream });
      return out.join();
    };
    expect(new Set([draw(1, 0), draw(2, 0), draw(1 + 2 ** 32, 0), draw(1, 1)]).size).toBe(4);
  });

  // Fixed seed. n = 10^6: each bound is 5 standard errors, so an honest generator fails with odds below 1e-6.
  it("has the moments and tails of a normal distribution", () => {
    const n = 1_000_000;
    const z = new Float32Array(n);
    fillNormal(z, 1, { seed: 11, stream: 0 });
    const mean = (f: (x: number, i: number) => number): number =>
      z.reduce((sum, x, i) => sum + f(x, i), 0) / n;
    const checks: ReadonlyArray<readonly [string, number, number, number]> = [
      ["mean", mean((x) => x), 0, Math.sqrt(1 / n)],
      ["variance", mean((x) => x * x), 1, Math.sqrt(2 / n)],
      ["third moment", mean((x) => x ** 3), 0, Math.sqrt(15 / n)],
      ["fourth moment", mean((x) => x ** 4), 3, Math.sqrt(96 / n)],
      ["neighbours", mean((x, i) => x * (z[i ^ 1] ?? 0)), 0, Math.sqrt(2 / n)],
      ["beyond 3", mean((x) => (Math.abs(x) > 3 ? 1 : 0)), 0.0026998, Math.sqrt(0.0027 / n)],
    ];
    for (const [what, got, expected, error] of checks) {
      expect(Math.abs(got - expected) <= 5 * error, `${what}: ${got}`).toBe(true);
    }
  });
});
