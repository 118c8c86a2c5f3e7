import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/base/json-text.js";
import { toJson } from "../../src/jinja/to-json.js";
import { SpelledJson, toValue } from "../../src/jinja/values.js";

/** What Python's json.dumps(json.loads(text), ensure_ascii=False) gives, by our account. */
function throughPython(text: string): string {
  return toJson(toValue(new SpelledJson(parseJson(text)!)));
}

describe("JSON through Python", () => {
  const cases: [text: string, expected: string][] = [
    ["1.0", "1.0"],
    ["-0", "0"],
    ["-0.0", "-0.0"],
    ["1e5", "100000.0"],
    ["1E-7", "1e-07"],
    ["0.0001", "0.0001"],
    ["0.00001", "1e-05"],
    ["123456789.25", "123456789.25"],
    ["1e15", "1000000000000000.0"],
    ["1e16", "1e+16"],
    ["123456789012345678.0", "1.2345678901234568e+17"],
    ["1.5e300", "1.5e+300"],
    ["5e-324", "5e-324"],
    ["-1e400", "-Infinity"],
    ["9007199254740993", "9007199254740993"],
    ["-123456789012345678901234567890", "-123456789012345678901234567890"],
    ['{"2":1,"1":2,"2":3}', '{"2": 3, "1": 2}'],
    ['{"__proto__":{"toString":[]}}', '{"__proto__": {"toString": []}}'],
    ['"\\u00e9\\u2028\\n\\u007f"', '"é\u2028\\n\u007f"'],
    ["[true,false,null]", "[true, false, null]"],
  ];
  for (const [text, expected] of cases) {
    it(`prints ${text} as Python does`, () => expect(throughPython(text)).toBe(expected));
  }

  it("is the same JSON, however it was spaced, and stays as it is from then on", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const once = throughPython(text);
        expect(JSON.parse(once)).toEqual(JSON.parse(text));
        expect(throughPython(once)).toBe(once);
      }),
    );
  });
});

describe("data", () => {
  it("loses what is undefined, as in JSON", () => {
    expect(toJson(toValue({ a: undefined, b: [1, 0.5] }))).toBe('{"b": [1, 0.5]}');
  });
});
