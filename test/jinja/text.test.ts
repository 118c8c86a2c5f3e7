import { describe, expect, it } from "vitest";
import { compareText, countCharacters, stripText } from "../../src/jinja/text.js";

describe("text as Python has it", () => {
  it("is stripped of Python's white space, which has the separators and NEL and not the byte order mark", () => {
    expect(stripText("\x1c\x1f\x85\u3000 a\n", "both")).toBe("a");
    expect(stripText("\ufeffa\ufeff", "both")).toBe("\ufeffa\ufeff");
    expect(stripText(" a ", "left")).toBe("a ");
    expect(stripText(" a ", "right")).toBe(" a");
  });

  it("is stripped of whole characters, not halves of them", () => {
    expect(stripText("🚀a🚁", "both", "🚀")).toBe("a🚁");
    expect(stripText("🚀🚀", "left", "🚀")).toBe("");
    expect(stripText("🚀🚀", "right", "🚀")).toBe("");
  });

  it("is stripped in time that grows with its length, however much white space is inside", () => {
    const text = `a${" ".repeat(200_000)}b`;
    // In the square of it, minutes: the test's own limit ends it.
    expect(stripText(text, "both")).toBe(text);
  });

  it("is counted and compared by characters", () => {
    expect(countCharacters("a🚀b")).toBe(3);
    const words = ["🚀", "ﬀ", "z", "za", ""];
    expect([...words].sort(compareText)).toEqual(["", "z", "za", "ﬀ", "🚀"]);
  });
});
