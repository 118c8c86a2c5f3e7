// Random texts of every schema's grammar parse and are valid for ajv.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import type { Grammar } from "../../src/grammar/grammar.js";
import { spellJson } from "../../src/grammar/json-spelling.js";
import { anyJsonObject, schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { ajvJudge } from "./ajv-judge.js";
import { randomText, seededRandom } from "./random-walk.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const schemas = JSON.parse(
  readFileSync(new URL("../fixtures/grammar/schemas.json", import.meta.url), "utf8"),
) as { name: string; schema: unknown }[];
const cases = schemas.flatMap(({ name, schema }) => {
  const grammar = enforced(schema);
  return grammar === undefined ? [] : [{ name, schema, grammar }];
});

function enforced(schema: unknown): Grammar | undefined {
  try {
    return schemaToGrammar(schema);
  } catch (error) {
    if (error instanceof LightningError) return undefined;
    throw error;
  }
}

function walks(grammar: Grammar, count: number, free: number): string[] {
  const matcher = createReferenceMatcher(grammar);
  const random = seededRandom(15);
  return Array.from({ length: count }, () => randomText(matcher, random, free));
}

describe("random texts of a schema's grammar", () => {
  it("are there for nearly all of the fixture's schemas", () => {
    expect(cases.length).toBeGreaterThan(60);
  });

  it.each(cases)("are JSON on one line, and valid for ajv: $name", ({ schema, grammar }) => {
    const isValid = ajvJudge(schema);
    for (const text of walks(grammar, 30, 60)) {
      const value: unknown = JSON.parse(text);
      expect([text, isValid(value)]).toEqual([text, true]);
      expect(text.includes("\n")).toBe(false);
    }
  });

  it("of any JSON object are objects, spelled as they are written but for repeated names and numbers", () => {
    for (const text of walks(anyJsonObject(), 200, 80)) {
      const value: unknown = JSON.parse(text);
      expect(Array.isArray(value) || typeof value !== "object" || value === null).toBe(false);
      if (/\d|__proto__/.test(text) || hasRepeatedNames(text)) continue;
      expect(spellJson(value)).toBe(text);
    }
  });
});

function hasRepeatedNames(text: string): boolean {
  const names = text.match(/"(?:[^"\\]|\\.)*": /g) ?? [];
  return new Set(names).size < names.length;
}
