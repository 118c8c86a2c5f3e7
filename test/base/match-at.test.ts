import { expect, it } from "vitest";
import { escapePattern, matchAt } from "../../src/base/match-at.js";

it.each([/b+/, /b+/g, /b+/y])(
  "%s is found where it begins, and nowhere else, however often it is asked",
  (pattern) => {
    for (let time = 0; time < 2; time++)
      expect([0, 1, 2, 3].map((at) => matchAt(pattern, "abb", at)?.[0])).toEqual([
        undefined,
        "bb",
        "b",
        undefined,
      ]);
  },
);

it("a text as a pattern is matched by that text alone", () => {
  const text = "a.b*[c](d|e){1}^$+?\\/-";
  for (const flags of ["", "u"]) {
    expect(new RegExp(`^${escapePattern(text)}$`, flags).test(text)).toBe(true);
    expect(new RegExp(`^${escapePattern(".")}$`, flags).test("a")).toBe(false);
  }
});
