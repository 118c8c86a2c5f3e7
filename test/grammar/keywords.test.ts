import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { kAnnotations, kDefinitions, kEnforced, kRefused } from "../../src/grammar/keywords.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const require = createRequire(import.meta.url);
const metaSchemas = [
  "json-schema-draft-07.json",
  ...["core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"].map(
    (name) => `json-schema-2020-12/meta/${name}.json`,
  ),
];

describe("the table of keywords", () => {
  it.each(metaSchemas)("holds every keyword of %s in one list", (name) => {
    const path = require.resolve(`ajv/dist/refs/${name}`);
    const { properties } = JSON.parse(readFileSync(path, "utf8")) as { properties: Record<string, unknown> };
    const lists = [kEnforced, kDefinitions, kAnnotations, kRefused];
    const found = Object.keys(properties).map((keyword) => [
      keyword,
      lists.filter((list) => list.has(keyword)).length,
    ]);
    expect(found).toEqual(Object.keys(properties).map((keyword) => [keyword, 1]));
  });

  it.each([...kRefused.keys()])("refuses %s with its path", (keyword) => {
    const schema = {
      type: "object",
      properties: { user: { anyOf: [{ type: "string" }, { [keyword]: true }] } },
    };
    const path = `got it at properties.user.anyOf[1].${keyword}`;
    expect(() => schemaToGrammar(schema)).toThrow(
      `constrain: expected a schema without "${keyword}", ${path}; `,
    );
  });

  it.each([...kAnnotations])("%s bounds nothing", (keyword) => {
    const matcher = createReferenceMatcher(schemaToGrammar({ type: "integer", [keyword]: "x" }));
    expect([matcher.accepts("12"), matcher.accepts("x")]).toEqual([true, false]);
  });

  it("refuses a name that is no keyword, with the one that is near, and lets x- and what is undefined pass", () => {
    expect(() => schemaToGrammar({ maxlength: 3 })).toThrow(
      'without "maxlength", got it at maxlength; did you mean "maxLength"?',
    );
    expect(() => schemaToGrammar({ items: { frobnicate: 1 } })).toThrow(
      "got it at items.frobnicate; it is no keyword",
    );
    expect(() => schemaToGrammar({ "x-order": 1, not: undefined })).not.toThrow();
  });

  it.each([
    [
      "a list as schema",
      { properties: { a: [] } },
      "a schema (an object, true or false), got an array of 0 at properties.a",
    ],
    ["a name that is no name", { required: [1] }, "required to be a list of names, got 1 at required"],
    [
      "a count below 0",
      { items: { minLength: -1 } },
      "minLength to be a whole number from 0 to 1,000,000,000, got -1 at items.minLength",
    ],
    [
      "draft-04's flag",
      { exclusiveMinimum: true },
      "exclusiveMinimum to be a number, got true at exclusiveMinimum",
    ],
    [
      "a false schema",
      { properties: { a: false } },
      "a schema that allows a value, got false at properties.a",
    ],
    ["an empty anyOf", { anyOf: [] }, "anyOf to hold a schema, got an array of 0 at anyOf"],
    [
      "an overlapping oneOf",
      { oneOf: [{ type: "integer" }, { type: "number" }] },
      "oneOf of schemas that share no value",
    ],
    [
      "contradicting parts",
      { allOf: [{ type: "integer" }, { type: "string" }] },
      "one that contradicts itself",
    ],
    ["a const of another type", { type: "string", const: 1 }, "const to hold a value that the schema allows"],
    ["lookahead", { pattern: "a(?!b)" }, '(no lookahead), got "a(?!b)" at pattern'],
    ["a schema elsewhere", { $ref: "https://example.com/a.json" }, "$ref to a place in this schema"],
    ["an id within", { properties: { a: { $id: "a" } } }, 'without "$id", got it at properties.a.$id'],
    [
      "two unlisted properties at least",
      { type: "object", minProperties: 2 },
      'without "minProperties", got it at minProperties',
    ],
    [
      "properties that no branch decides",
      { anyOf: [{ properties: { a: {} } }, { properties: { b: {} } }], unevaluatedProperties: false },
      'without "unevaluatedProperties"',
    ],
    ["names of a record", { _zod: {} }, "give z.toJSONSchema(schema)"],
    ["an odd name", { properties: { "a.b\n": { not: {} } } }, 'at properties["a.b\\\\n"].not'],
  ])("says what is wrong with %s", (_, schema, message) => {
    expect(() => schemaToGrammar(schema)).toThrow(message);
  });
});
