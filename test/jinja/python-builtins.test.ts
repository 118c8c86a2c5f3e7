import { describe, expect, it } from "vitest";
import { pythonRange, stripText } from "../../src/jinja/python-builtins.js";

describe("Python's built-ins", () => {
  it("strip Python's white space, which has the separators and NEL and not the byte order mark", () => {
    expect(stripText("\x1c\x1f\x85\u3000 a\n", "both")).toBe("a");
    expect(stripText("\ufeffa\ufeff", "both")).toBe("\ufeffa\ufeff");
  });

  it("strip whole characters, not halves of them", () => {
    expect(stripText("🚀a🚁", "both", "🚀")).toBe("a🚁");
    expect(stripText("🚀🚀", "left", "🚀")).toBe("");
    expect(stripText("🚀🚀", "right", "🚀")).toBe("");
  });

  it("count up, down and not at all", () => {
    expect([pythonRange(2), pythonRange(1, 6, 2), pythonRange(3, 0, -2), pythonRange(3, 0)]).toEqual([
      [0, 1],
      [1, 3, 5],
      [3, 1],
      [],
    ]);
  });
});
