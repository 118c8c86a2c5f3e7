import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeGrammar } from "../../src/grammar/compose.js";
import { readRawSchema } from "../../src/grammar/raw-text.js";
import { ajvJudge } from "./ajv-judge.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const kMarker = "</p>";
const schemas: readonly (readonly [what: string, schema: object])[] = [
  ["any", { type: "string" }],
  ["short", { type: "string", minLength: 2, maxLength: 4 }],
  ["with a pattern", { type: "string", pattern: "^[<a]+/" }],
  ["listed", { enum: ["a", "</p>", "<a"] }],
  ["with a number beside", { type: ["string", "number"], maxLength: 3 }],
];

describe("strings without quotes", () => {
  it.each(schemas)("are those that the schema allows and the marker is not in: %s", (_, schema) => {
    const part = readRawSchema(schema).strings(kMarker, false);
    if (part === undefined) throw new Error("expected strings");
    const matcher = createReferenceMatcher(composeGrammar(part));
    const judge = ajvJudge(schema);
    const text = fc.array(fc.constantFrom("<", "/", "p", ">", "a", "\n", "é", "😀", '"'), { maxLength: 8 });
    fc.assert(
      fc.property(text, (pieces) => {
        const written = pieces.join("");
        expect([written, matcher.accepts(written)]).toEqual([
          written,
          judge(written) && !written.includes(kMarker),
        ]);
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it("of very many characters are without the marker's first", () => {
    const part = readRawSchema({ type: "string", minLength: 3, maxLength: 5000 }).strings(kMarker, false);
    if (part === undefined) throw new Error("expected strings");
    const matcher = createReferenceMatcher(composeGrammar(part));
    const texts = ["ab", "abc", "a\nc>", "a<b", "a".repeat(5000), "a".repeat(5001)];
    expect(texts.filter(matcher.accepts)).toEqual(["abc", "a\nc>", "a".repeat(5000)]);
  });

  it("begin as no other value does where others may stand", () => {
    const part = readRawSchema({ type: ["string", "number"] }).strings(kMarker, true);
    if (part === undefined) throw new Error("expected strings");
    const matcher = createReferenceMatcher(composeGrammar(part));
    expect(["", "a5", "5", " 5", "-", "true", "None", "[", "é"].filter(matcher.accepts)).toEqual([
      "",
      "a5",
      "é",
    ]);
  });

  it("are none where the schema allows none", () => {
    expect(readRawSchema({ type: "integer" }).strings(kMarker, false)).toBeUndefined();
  });
});
