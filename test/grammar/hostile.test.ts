// Schemas that would cost much: refused by name, or enforced by a grammar of their own size.
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const byName = <T>(count: number, of: (index: number) => T) =>
  Object.fromEntries(range(count).map((index) => [`p${index}`, of(index)]));

function nested(depth: number, wrap: (inner: unknown) => unknown, core: unknown): unknown {
  return range(depth).reduce<unknown>((inner) => wrap(inner), core);
}

const self: Record<string, unknown> = { type: "object" };
self.properties = { self };
const endless: Record<string, unknown> = {};
endless.anyOf = [endless, { type: "null" }];

const refused: Record<string, unknown> = {
  "100,000 properties": { properties: byName(100_000, () => ({ type: "integer" })) },
  "100,000 required names": { required: range(100_000).map((index) => `p${index}`) },
  "an enum of 100,000": { enum: range(100_000) },
  "an enum of long texts": { enum: range(200).map((index) => `${index}`.repeat(5000)) },
  "a name of a million characters": { properties: { ["x".repeat(1_000_000)]: {} } },
  "anyOf of 100,000": { anyOf: range(100_000).map((index) => ({ const: index })) },
  "twenty choices of two at once": {
    allOf: range(20).map((index) => ({ anyOf: [{ required: [`a${index}`] }, { required: [`b${index}`] }] })),
  },
  "oneOf of 400": {
    oneOf: range(400).map((index) => ({ properties: { kind: { const: index } }, required: ["kind"] })),
  },
  "allOf 5,000 deep": nested(5000, (inner) => ({ allOf: [inner] }), {}),
  "$ref 5,000 long": {
    $ref: "#/$defs/p0",
    $defs: byName(5000, (index) => ({ $ref: `#/$defs/p${index + 1}` })),
  },
  "a const 50,000 deep": { const: nested(50_000, (inner) => [inner], 1) },
  "a schema that is its own branch": endless,
  "patterns that remember": { pattern: "^(a|b)*a(a|b){30}$" },
  "repetitions of repetitions": { pattern: "((a{0,100}){0,100}){0,100}" },
  "brackets 50,000 deep": { pattern: `${"(?:".repeat(50_000)}a${")".repeat(50_000)}` },
  "a thousand large patterns": {
    properties: byName(1000, (index) => ({ pattern: `^[a-y]{1,${1000 + index}}z$` })),
  },
  "a pattern of many states with a large count": { pattern: "^([a-z]+-)*[0-9]{20}$", maxLength: 100_000 },
  "twenty patterns of names": { patternProperties: byName(20, (index) => ({ const: index })) },
  "patterns that are large together": {
    allOf: range(8).map((index) => ({ pattern: `(a|b)*a(a|b){${index + 3}}c` })),
  },
  "a divisor that is large": { type: "integer", multipleOf: 99_991 },
  "counts of many optional properties": {
    type: "object",
    properties: byName(3000, () => ({})),
    minProperties: 1500,
    additionalProperties: false,
  },
};

describe("schemas that would cost much", () => {
  it.each(Object.entries(refused))("%s: refused", (_, schema) => {
    let thrown: unknown;
    try {
      schemaToGrammar(schema);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(LightningError);
    const { message } = thrown as LightningError;
    expect(message).toMatch(/^constrain: expected /);
    expect(message.length).toBeLessThan(2000);
  });

  it.each([
    ["optional properties", (size: number) => ({ properties: byName(size, () => ({ type: "integer" })) })],
    [
      "required properties",
      (size: number) => ({
        properties: byName(size, () => ({})),
        required: Object.keys(byName(size, () => 0)),
      }),
    ],
    ["depth", (size: number) => nested(size, (inner) => ({ properties: { a: inner } }), { type: "integer" })],
    ["tuples", (size: number) => ({ prefixItems: range(size).map(() => ({ type: "integer" })) })],
    [
      "references twice each",
      (size: number) => ({
        $ref: "#/$defs/p0",
        $defs: {
          ...byName(size, (index) => ({
            properties: { a: { $ref: `#/$defs/p${index + 1}` }, b: { $ref: `#/$defs/p${index + 1}` } },
          })),
          [`p${size}`]: {},
        },
      }),
    ],
  ])("the grammar is linear in %s", (_, schema) => {
    const size = (count: number) => JSON.stringify(schemaToGrammar(schema(count))).length;
    const [small, large] = [size(250), size(1000)];
    expect(large / small).toBeLessThan(4.6);
  });

  it("the same part by two references each is opened once, forty deep", () => {
    const double = byName(40, (index) => ({
      allOf: [{ $ref: `#/$defs/p${index + 1}` }, { $ref: `#/$defs/p${index + 1}` }],
    }));
    const schema = { $ref: "#/$defs/p0", $defs: { ...double, p40: { type: "integer" } } };
    expect(createReferenceMatcher(schemaToGrammar(schema)).accepts("12")).toBe(true);
  });

  it("a schema that holds itself is a recursion", () => {
    const matcher = createReferenceMatcher(schemaToGrammar(self));
    expect(matcher.accepts('{"self": {"self": {}}}')).toBe(true);
    expect(matcher.accepts('{"self": {"self": 1}}')).toBe(false);
  });

  it("a large count is a number, not so many rules", () => {
    const grammar = schemaToGrammar({
      type: "array",
      items: { type: "string", maxLength: 100_000 },
      maxItems: 100_000,
    });
    expect(JSON.stringify(grammar).length).toBeLessThan(4000);
  });
});
