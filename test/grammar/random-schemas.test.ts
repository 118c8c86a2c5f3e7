// Random schemas out of the table of keywords, judged by ajv: a value is valid exactly when the grammar accepts it in some order of its
// properties, and random texts of the grammar are valid.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import type { Grammar } from "../../src/grammar/grammar.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { ajvJudge, type Judge } from "./ajv-judge.js";
import { randomText, seededRandom } from "./random-walk.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const runs = process.env.AGL_SLOW_TESTS === "1" ? 6_000 : 300;
const names = ["a", "b", "ab", "c"];
const name = fc.constantFrom(...names);
const small = fc.integer({ min: -3, max: 3 });
const count = fc.integer({ min: 0, max: 3 });
const text = fc.constantFrom(
  "",
  "a",
  "b",
  "ab",
  "ba",
  "aab",
  '"',
  "\n",
  "é",
  "2024-02-29",
  "2023-02-29",
  "::1",
);
const pattern = fc.constantFrom("^a", "b$", "^[ab]{1,2}$", "a.*b", "^(a|ab)$", "[^a]");

const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, depthIdentifier: "value" },
    fc.oneof(small, fc.constantFrom(0.5, 1.5, -2.5), text, fc.boolean(), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

const schema = fc.letrec<{ schema: object }>((tie) => {
  const inner = tie("schema");
  const some = (keywords: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(keywords, { requiredKeys: [], noNullPrototype: true });
  const properties = fc.dictionary(name, inner, { maxKeys: 3, noNullPrototype: true });
  const object = some({
    type: fc.constant("object"),
    properties,
    required: fc.uniqueArray(name, { maxLength: 2 }),
    additionalProperties: fc.oneof(fc.boolean(), inner),
    patternProperties: fc.dictionary(pattern, inner, { maxKeys: 2, noNullPrototype: true }),
    propertyNames: fc.oneof(
      some({ pattern, maxLength: count }),
      fc.record({ enum: fc.uniqueArray(name, { minLength: 1 }) }),
    ),
    minProperties: count,
    maxProperties: count,
  });
  const array = some({
    type: fc.constant("array"),
    prefixItems: fc.array(inner, { minLength: 1, maxLength: 2 }),
    items: fc.oneof(fc.boolean(), inner),
    minItems: count,
    maxItems: count,
  });
  return {
    schema: fc.oneof(
      { maxDepth: 3, depthIdentifier: "schema" },
      some({
        type: fc.constantFrom("integer", "number"),
        minimum: small,
        exclusiveMaximum: small,
        multipleOf: fc.constantFrom(1, 2, 3),
      }),
      some({
        type: fc.constant("string"),
        minLength: count,
        maxLength: count,
        pattern,
        format: fc.constantFrom("date", "ipv6"),
      }),
      fc.record({ enum: fc.array(value, { minLength: 1, maxLength: 3 }) }),
      fc.record({ const: value }),
      fc.record({
        type: fc.uniqueArray(fc.constantFrom("string", "integer", "null", "boolean", "array", "object"), {
          minLength: 1,
          maxLength: 3,
        }),
      }),
      fc.record({ $ref: fc.constantFrom("#/$defs/x", "#/$defs/y") }),
      object,
      object,
      array,
      fc.record({ anyOf: fc.array(inner, { minLength: 1, maxLength: 3 }) }),
      fc.record({ oneOf: fc.array(inner, { minLength: 1, maxLength: 2 }) }),
      fc.record({ allOf: fc.array(inner, { minLength: 1, maxLength: 2 }) }),
      fc.record({
        allOf: fc.array(object, { minLength: 1, maxLength: 2 }),
        unevaluatedProperties: fc.constantFrom(false, true),
      }),
      fc
        .tuple(object, fc.record({ anyOf: fc.array(object, { minLength: 1, maxLength: 2 }) }))
        .map(([a, b]) => ({ ...a, ...b })),
    ),
  };
}).schema;

const whole = fc
  .record({ schema, x: schema, y: schema })
  .map(({ schema: root, x, y }) => ({ ...root, $defs: { x, y } }));

describe("random schemas", () => {
  it("accept exactly what ajv finds valid, and refuse by name the rest", () => {
    let enforced = 0;
    let refused = 0;
    let valid = 0;
    const property = fc.property(
      whole,
      fc.array(value, { minLength: 12, maxLength: 12 }),
      (given, values) => {
        const root: unknown = JSON.parse(JSON.stringify(given));
        const grammar = grammarOf(root);
        if (grammar === undefined) {
          refused++;
          return;
        }
        enforced++;
        const matcher = createReferenceMatcher(grammar);
        const isValid = judgeOf(root);
        if (isValid === undefined) return;
        for (const one of values) {
          const judged = isValid(one);
          if (judged) valid++;
          expect([one, spellings(one).some(matcher.accepts)]).toEqual([one, judged]);
        }
        const random = seededRandom(15);
        for (let walk = 0; walk < 3; walk++) {
          const written = randomText(matcher, random, 20);
          expect([written, isValid(JSON.parse(written))]).toEqual([written, true]);
        }
      },
    );
    fc.assert(property, { seed: 15, numRuns: runs });
    expect(enforced).toBeGreaterThan(runs / 3);
    expect(refused).toBeGreaterThan(0);
    expect(valid).toBeGreaterThan(enforced);
  });
});

function grammarOf(root: unknown): Grammar | undefined {
  try {
    return schemaToGrammar(root);
  } catch (error) {
    if (error instanceof LightningError && error.code === "E_ARGUMENT") return undefined;
    throw error;
  }
}

/** ajv follows a definition that is a $ref to itself until the stack ends, also where nothing needs it. */
function judgeOf(root: unknown): Judge | undefined {
  try {
    return ajvJudge(root);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The value's texts in every order of its properties. */
function spellings(one: unknown): string[] {
  if (Array.isArray(one)) return products(one.map(spellings)).map((items) => `[${items.join(", ")}]`);
  if (typeof one !== "object" || one === null) return [JSON.stringify(one)];
  const members = Object.entries(one).map(([key, item]) =>
    spellings(item).map((spelled) => `${JSON.stringify(key)}: ${spelled}`),
  );
  return products(members).flatMap((all) => permutations(all).map((order) => `{${order.join(", ")}}`));
}

function products<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (all, list) => all.flatMap((before) => list.map((item) => [...before, item])),
    [[]],
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    permutations(items.filter((_, at) => at !== index)).map((rest) => [item, ...rest]),
  );
}
