// Schemas with values that must be accepted and values that must not; see the record's own README: one without valid values is refused.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { spellJson } from "../../src/grammar/json-spelling.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { createReferenceMatcher } from "./reference-matcher.js";

interface Case {
  readonly name: string;
  readonly schema: unknown;
  readonly valid: readonly unknown[];
  readonly invalid: readonly unknown[];
}

const cases = JSON.parse(
  readFileSync(new URL("../fixtures/grammar/schemas.json", import.meta.url), "utf8"),
) as Case[];

/** Refused by name, and what the name is. */
const refused: Readonly<Record<string, RegExp>> = {
  "multipleOf 0.01": /multipleOf .* at properties\.a\.multipleOf/,
  "schema false": /false at the schema/,
  uniqueItems: /without "uniqueItems", got it at properties\.a\.uniqueItems/,
  "not {}": /without "not", got it at properties\.b\.not/,
  "if/then/else": /without "if", got it at if/,
  "format unknown (int32 on string)": /format .* "foo" at properties\.a\.format/,
  "invalid: type typo": /type .* "strng" at type/,
  "invalid: broken $ref": /\$ref .* at properties\.a\.\$ref/,
  "invalid: min>max": /properties\.a/,
  "invalid: minLength>maxLength": /minLength .* at properties\.a\.minLength/,
  "invalid: enum []": /enum .* at properties\.a\.enum/,
  "invalid: bad regex": /pattern .* at properties\.a\.pattern/,
  "$ref cycle a->b->a": /cycle .* at \$defs\.[AB]/,
  "infinite object (required recursion)": /never end/,
};

describe("the fixture's schemas", () => {
  it.each(cases)("$name: enforced, or refused by name", ({ name, schema, valid, invalid }) => {
    const reason = refused[name];
    if (reason !== undefined) {
      expect(() => schemaToGrammar(schema)).toThrow(LightningError);
      expect(() => schemaToGrammar(schema)).toThrow(reason);
      return;
    }
    const matcher = createReferenceMatcher(schemaToGrammar(schema));
    expect(valid.length).toBeGreaterThan(0);
    for (const value of valid)
      expect([spellJson(value), matcher.accepts(spellJson(value)!)]).toEqual([spellJson(value), true]);
    for (const value of invalid)
      expect([spellJson(value), matcher.accepts(spellJson(value)!)]).toEqual([spellJson(value), false]);
  });
});
