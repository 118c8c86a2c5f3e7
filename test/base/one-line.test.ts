import { expect, it } from "vitest";
import { oneLine } from "../../src/base/one-line.js";

it.each([
  ["failed\n2026 store: all is well", "failed\\n2026 store: all is well"],
  ["a\r\nb\tc", "a\\r\\nb\\tc"],
  ["\u001b[2J\u001b[31mred\u0007", "\\u001b[2J\\u001b[31mred\\u0007"],
  ["a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d"],
  ["user\u202egnp.exe\u2066", "user\\u202egnp.exe\\u2066"],
  ["half \ud800 of it", "half \\ud800 of it"],
  ["\u0000\u007f", "\\u0000\\u007f"],
  ["größer 漢字 🙂", "größer 漢字 🙂"],
])("%j is shown as %s", (text, shown) => {
  expect(oneLine(text)).toBe(shown);
});

it("is bounded, whatever comes", () => {
  expect(oneLine("x".repeat(10_000_000), 50)).toBe(`${"x".repeat(50)}... (9999950 more characters)`);
});
