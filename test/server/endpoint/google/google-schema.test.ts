import { describe, expect, it } from "vitest";
import { toJsonSchema } from "../../../../src/server/endpoint/google/google-schema.js";

const read = (schema: object) => toJsonSchema({ ...schema }, "s");

describe("Google's schema as JSON schema", () => {
  it("has types in small letters at every depth", () => {
    const schema = {
      type: "OBJECT",
      properties: {
        a: { type: "ARRAY", items: { type: "INTEGER", format: "int32" }, minItems: "1" },
        type: { type: "STRING", format: "enum", enum: ["X"] },
      },
      required: ["a"],
      description: "d",
    };
    expect(read(schema)).toEqual({
      type: "object",
      properties: {
        a: { type: "array", items: { type: "integer" }, minItems: 1 },
        type: { type: "string", enum: ["X"] },
      },
      required: ["a"],
      description: "d",
    });
  });

  it("has the values of properties that are not listed in its own types", () => {
    const schema = { type: "OBJECT", additionalProperties: { type: "INTEGER", nullable: true } };
    expect(read(schema)).toEqual({ type: "object", additionalProperties: { type: ["integer", "null"] } });
    expect(read({ additionalProperties: false })).toEqual({ additionalProperties: false });
  });

  it.each([
    [{ type: "STRING", nullable: true }, { type: ["string", "null"] }],
    [
      { type: "STRING", enum: ["X"], nullable: true },
      { type: ["string", "null"], enum: ["X", null] },
    ],
    [{ anyOf: [{ type: "STRING" }], nullable: true }, { anyOf: [{ type: "string" }, { type: "null" }] }],
    [{ type: "STRING", nullable: false }, { type: "string" }],
    [{ type: "NULL", nullable: true }, { type: "null" }],
  ])("takes null where it is nullable: %j", (schema, meant) => {
    expect(read(schema)).toEqual(meant);
  });

  it("has its properties in the order in which they are to be written", () => {
    const properties = { a: {}, b: {}, c: {} };
    const schema = read({ type: "OBJECT", properties, propertyOrdering: ["c", "a", "none"] });
    expect(Object.keys(schema.properties ?? {})).toEqual(["c", "a", "b"]);
    expect(schema).not.toHaveProperty("propertyOrdering");
  });

  it.each([
    ["s.type", { type: "WHATEVER" }],
    ["s.items", { type: "ARRAY", items: [] }],
    ["s.properties.a.type", { type: "OBJECT", properties: { a: { type: 5 } } }],
    ["s.anyOf", { anyOf: {} }],
    ["s.additionalProperties.type", { additionalProperties: { type: "MAP" } }],
  ])("is refused by the name of %s", (field, schema) => {
    expect(() => read(schema)).toThrow(expect.objectContaining({ status: 400, field }));
  });
});
