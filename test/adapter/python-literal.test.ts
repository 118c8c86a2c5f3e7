import { describe, expect, it } from "vitest";
import { parsePythonLiteral } from "../../src/adapter/python-literal.js";

describe("a Python literal", () => {
  it("nests a hundred deep, and one level more is no literal", () => {
    for (const [open, close] of [
      ["[", "]"],
      ["(", ")"],
      ["{1: ", "}"],
    ] as const) {
      const nested = (depth: number) => `${open.repeat(depth)}7${close.repeat(depth)}`;
      expect(parsePythonLiteral(nested(100))).toBeDefined();
      expect(parsePythonLiteral(nested(101))).toBe(undefined);
      expect(parsePythonLiteral(nested(100_000))).toBe(undefined);
    }
    expect(parsePythonLiteral(`${"{".repeat(200)}1: 2${"}".repeat(200)}`)).toBe(undefined);
  });

  it.each([
    ["1e+10", 1e10],
    ["1E-12", 1e-12],
    ["-.5", -0.5],
    ["  [1 ,\n 2, ]  ", [1, 2]],
    ["'\\u00e9\\x41\\U0001f600'", "éA😀"],
    ["'\\n\\q\\''", "\nq'"],
    ["{'a': None, 2: (True,)}", { a: null, 2: [true] }],
  ])("%s is read", (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  it.each(["", "e5", "x1", "1 2", "[1", "['a", "{1}", "'", "1-2", "--1", "[1 2]", "'\\u41'x"])(
    "%s is none",
    (text) => {
      expect(parsePythonLiteral(text)).toBe(undefined);
    },
  );
});
