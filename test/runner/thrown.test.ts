import { expect, it } from "vitest";
import { describeThrown } from "../../src/runner/thrown.js";

it("tells the beginning of what is long, and how much there was", () => {
  for (const error of [
    new Error("x".repeat(10_000_000)),
    "y".repeat(10_000_000),
    { toString: 1, z: "z".repeat(99_999) },
  ])
    expect(describeThrown(error).length).toBeLessThan(4100);
  expect(describeThrown("y".repeat(4001))).toBe(`${"y".repeat(4000)}... (1 more characters)`);
  expect(describeThrown(`${"y".repeat(3999)}🙂`)).toBe(`${"y".repeat(3999)}... (1 more characters)`);
  expect(describeThrown(new TypeError("short"))).toBe("TypeError: short");
});

it("names what cannot be read, by what it threw itself", () => {
  const unreadable = (thrown: unknown) =>
    Object.defineProperty(new Error(), "message", {
      get: () => {
        throw thrown;
      },
    });
  expect(describeThrown(unreadable(new RangeError("x")))).toBe(
    "a thrown value that cannot be read (RangeError)",
  );
  expect(describeThrown(unreadable("x"))).toBe("a thrown value that cannot be read (string)");
});

it("shows objects as values, and all else as text", () => {
  expect([null, undefined, 7, "text", { a: 1 }].map(describeThrown)).toEqual([
    ...["null", "undefined", "7", "text"],
    "object Object",
  ]);
  expect(describeThrown("y".repeat(4000))).toHaveLength(4000);
});
