import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as grammar from "../../src/grammar/compose.js";
import { schemaToGrammar } from "../../src/grammar/schema-to-grammar.js";
import { codePoints, createReferenceMatcher } from "./reference-matcher.js";

const matcher = (part: grammar.Part) => createReferenceMatcher(grammar.composeGrammar(part));
const accepted = (part: grammar.Part, texts: readonly string[]) => texts.filter(matcher(part).accepts);

describe("composeGrammar", () => {
  it("puts parts one after the other, beside each other and in lists", () => {
    const { sequence, choice, text, repeat, optional } = grammar;
    const list = sequence(
      text("<"),
      choice(text("a"), text("b")),
      repeat(text(", a"), 0, 2),
      optional(text(";")),
      text(">"),
    );
    const texts = ["<a>", "<b, a, a;>", "<a, a, a, a>", "<>", "<a;;>"];
    expect(accepted(list, texts)).toEqual(["<a>", "<b, a, a;>"]);
  });

  it("holds values of schemas between text and tokens", () => {
    const { sequence, text, token, jsonValue } = grammar;
    const arguments_ = jsonValue({
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    });
    const call = sequence(
      token(7),
      text('{"name": "weather", "arguments": '),
      arguments_,
      text("}"),
      token(8),
    );
    const written = codePoints('{"name": "weather", "arguments": {"city": "Ulm"}}');
    expect(matcher(call).accepts([{ token: 7 }, ...written, { token: 8 }])).toBe(true);
    expect(matcher(call).accepts([{ token: 7 }, ...written])).toBe(false);
    expect(matcher(call).accepts([...written, { token: 8 }])).toBe(false);
  });

  it("takes the rules of a grammar that stands in it twice once, and keeps two grammars apart", () => {
    const [one, other] = [schemaToGrammar({ type: "integer" }), schemaToGrammar({ type: "boolean" })];
    const { sequence, embedded, text } = grammar;
    const both = sequence(embedded(one), text(" "), embedded(other), text(" "), embedded(one));
    expect(grammar.composeGrammar(both).rules).toHaveLength(1 + one.rules.length + other.rules.length);
    expect(accepted(both, ["1 true 2", "true 1 true", "1 true", "1 1 1"])).toEqual(["1 true 2"]);
  });

  it.each(["</think>", "aa", "abab", "\n</parameter>", "😀a😀"])(
    "text without %j, and up to it, is what it says",
    (marker) => {
      const [without, until] = [matcher(grammar.textWithout(marker)), matcher(grammar.textUntil(marker))];
      const pieces = fc.array(fc.constantFrom(...marker, marker, "x", "ä"), { maxLength: 12 });
      const property = fc.property(pieces, (characters) => {
        const written = characters.join("");
        expect([written, without.accepts(written)]).toEqual([written, !written.includes(marker)]);
        const isUntil =
          written.indexOf(marker) === written.length - marker.length && written.includes(marker);
        expect([written, until.accepts(written)]).toEqual([written, isUntil]);
      });
      fc.assert(property, { seed: 15, numRuns: 500 });
    },
  );
});
