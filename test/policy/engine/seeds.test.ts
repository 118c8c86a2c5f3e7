import { describe, expect, it } from "vitest";
import { checkSeed, createSeeds } from "../../../src/policy/engine/seeds.js";

describe("createSeeds", () => {
  it("gives the same seeds after the same start, different ones otherwise, none twice", () => {
    const draw = (seed: bigint, use: "sample" | "adapter" = "sample") => {
      const next = createSeeds(seed, use);
      return Array.from({ length: 1000 }, () => next());
    };
    expect(draw(7n)).toEqual(draw(7n));
    const all = [
      ...draw(0n),
      ...draw(0n, "adapter"),
      ...draw(1n),
      ...draw(1n << 32n),
      ...draw((1n << 64n) - 1n),
    ];
    expect(new Set(all).size).toBe(5000);
    expect(all.every((seed) => BigInt.asUintN(64, seed) === seed)).toBe(true);
    expect(all.some((seed) => seed >> 63n === 1n)).toBe(true);
  });
});

describe("checkSeed", () => {
  it("accepts unsigned 64-bit integers and refuses everything else", () => {
    expect(checkSeed("x", 5)).toBe(5n);
    expect(checkSeed("x", (1n << 64n) - 1n)).toBe((1n << 64n) - 1n);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, -1n, 1n << 64n, "1", undefined, null])
      expect(() => checkSeed("x", bad)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});
