import { describe, expect, it } from "vitest";
import { readPython } from "../../../src/policy/tool-calls/python-literal.js";

describe("a value as Python prints it", () => {
  it.each([
    ["True", true],
    ["None", null],
    ["-1.5e-07", -1.5e-7],
    ["'it\\'s'", "it's"],
    [`"it's"`, "it's"],
    ["'a\\n\\t\\\\ \\x07\\u2028\\U0001f600'", "a\n\t\\ \x07\u2028\u{1f600}"],
    ["[1, 'a', [], (2,), {}]", [1, "a", [], [2], {}]],
    ["{'a': {'b': False}, \"c'\": None}", { a: { b: false }, "c'": null }],
  ])("is read: %s", (text, value) => {
    const read = readPython(`  ${text} rest`, 0);
    expect([JSON.parse(read?.json ?? ""), read?.end]).toEqual([value, text.length + 2]);
  });

  it.each([
    "",
    "'a",
    "[1",
    "[1 2]",
    "{'a'}",
    "{1: 2}",
    "{'a': }",
    "set()",
    "nan",
    `${"[".repeat(100)}${"]".repeat(100)}`,
  ])("is none: %s", (text) => {
    expect(readPython(text, 0)).toBeUndefined();
  });
});
