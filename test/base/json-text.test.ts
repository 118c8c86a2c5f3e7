import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonNode, parseJson, readJson } from "../../src/base/json-text.js";

function toValue(node: JsonNode): unknown {
  switch (node.type) {
    case "object":
      return Object.fromEntries([...node.fields].map(([key, value]) => [key, toValue(value)]));
    case "array":
      return node.items.map(toValue);
    case "number":
      return Number(node.spelling);
    default:
      return node.value;
  }
}

function byJsonParse(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

function byParseJson(text: string): unknown[] {
  const node = parseJson(text);
  return node === undefined ? [] : [toValue(node)];
}

describe("the JSON reader", () => {
  it("reads any JSON, however it is spaced, to the value JSON.parse gives", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = ` ${JSON.stringify(value, null, indent)}\n`;
        expect(byParseJson(text)).toEqual(byJsonParse(text));
      }),
    );
  });

  it("accepts and refuses the very texts that JSON.parse does", () => {
    const piece = fc.constantFrom(
      ...'{}[]:,"\\ \n-+.eE0127',
      ...[
        '"a"',
        '"\\n"',
        '"\\x"',
        '"\\u00e9"',
        '"\n"',
        "true",
        "null",
        "NaN",
        "1.0",
        "-0",
        "01",
        "1e5",
        "\u00a0",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join("");
        expect(byParseJson(text)).toEqual(byJsonParse(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it("keeps spellings, places and the order of keys", () => {
    const text = 'x {"2": 1.0, "1": -0, "2": 10e2} y';
    const node = readJson(text, 1);
    expect(node).toMatchObject({ type: "object", start: 2, end: text.length - 2 });
    const fields = node?.type === "object" ? [...node.fields] : [];
    expect(fields.map(([key, value]) => [key, text.slice(value.start, value.end)])).toEqual([
      ["2", "10e2"],
      ["1", "-0"],
    ]);
  });

  it("takes a key named __proto__ for a key", () => {
    const node = parseJson('{"__proto__": 1}');
    expect(node?.type === "object" && [...node.fields.keys()]).toEqual(["__proto__"]);
  });

  it("refuses nesting deeper than 256 instead of overflowing the stack", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(parseJson(nested(257))).toBeDefined();
    expect(parseJson(nested(258))).toBeUndefined();
    expect(parseJson(nested(1_000_000))).toBeUndefined();
  });
});
