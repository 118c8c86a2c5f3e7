import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argumentError, checkInteger, checkNumber, checkOneOf, showValue } from "../../src/base/check.js";
import { LightningError } from "../../src/base/error.js";

describe("argument checks", () => {
  it("return what they accept", () => {
    expect(checkInteger("f", "n", 3, { min: 3, max: 3 })).toBe(3);
    expect(checkNumber("f", "x", 0.1, { min: 0.1 })).toBe(0.1);
    expect(checkOneOf("f", "kind", "b", ["a", "b"])).toBe("b");
  });

  it.each([1.5, Number.NaN, Infinity, 2 ** 53, "1", null, undefined, 0, 11])(
    "refuse %s as an integer",
    (value) => {
      expect(() => checkInteger("f", "n", value, { min: 1, max: 10 })).toThrow(LightningError);
    },
  );

  it.each([Number.NaN, Infinity, "1", undefined, -0.1])("refuse %s as a number of at least 0", (value) => {
    expect(() => checkNumber("f", "x", value, { min: 0 })).toThrow(LightningError);
  });

  it("say who, what was expected, what came and the remedy", () => {
    const failing = () => checkInteger("policy.sample", "maxTokens", "many", { min: 1 });
    expect(failing).toThrow('policy.sample: expected maxTokens to be an integer of at least 1, got "many"');
    const error = argumentError("f", "a folder", 7, "pass a path");
    expect(error).toMatchObject({ code: "E_ARGUMENT", message: "f: expected a folder, got 7; pass a path" });
    const choosing = () => checkOneOf("f", "kind", "c", ["a", "b"]);
    expect(choosing).toThrow('f: expected kind to be "a" or "b", got "c"');
  });

  it("describe any value in one short line", () => {
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withTypedArray: true, withBigInt: true }),
        (value) => {
          expect(showValue(value)).toMatch(/^[^\n]{1,400}$/);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
