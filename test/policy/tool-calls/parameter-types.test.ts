import { expect, it } from "vitest";
import { createParameterTypes } from "../../../src/policy/tool-calls/parameter-types.js";

const typesOf = (schema: object, more: object = {}) =>
  createParameterTypes({
    type: "function",
    function: { name: "f", parameters: { type: "object", properties: { x: schema }, ...more } },
  })("x");

it.each([
  ["#/$defs/a~1b", { $defs: { "a/b": { type: "integer" } } }],
  ["#/$defs/100%25", { $defs: { "100%": { type: "integer" } } }],
  ["#/$defs/100%", { $defs: { "100%": { type: "integer" } } }],
  ["#/anyOf/0", { anyOf: [{ type: "integer" }] }],
  ["#here", { $defs: { a: { $anchor: "here", type: "integer" } } }],
])("a parameter has the types of the schema that it refers to: %s", ($ref, more) => {
  expect(typesOf({ $ref }, more)).toEqual(new Set(["number"]));
});

it.each(["#/$defs/none", "#/properties/x", "other.json", "%zz"])(
  "a parameter whose reference leads to no type has none: %s",
  ($ref) => {
    expect(typesOf({ $ref })).toBeUndefined();
  },
);
