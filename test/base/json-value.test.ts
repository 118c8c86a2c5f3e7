import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toJsonValue } from "../../src/base/json-value.js";

describe("toJsonValue", () => {
  it("gives what JSON.parse gives for every JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(toJsonValue(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each(["", "[DONE]", "{", "undefined", "NaN", "'a'"])("gives undefined for %j", (text) => {
    expect(toJsonValue(text)).toBeUndefined();
  });
});
