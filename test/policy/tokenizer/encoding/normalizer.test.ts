import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finish } from "../../../../src/policy/tokenizer/encoding/encoder.js";
import { createNormalizer } from "../../../../src/policy/tokenizer/encoding/normalizer.js";
import type { NormalizerStep } from "../../../../src/policy/tokenizer/encoding/step-schema.js";

const unit = fc.constantFrom(
  "a",
  "e\u0301",
  "\u0323",
  "\u1112\u1161\u11ab",
  "\u{1d400}",
  "\ufb01",
  "\u03a3",
  " ",
  "\u0130",
);
const longText = fc
  .tuple(fc.array(unit, { minLength: 1, maxLength: 9 }), fc.integer({ min: 8000, max: 40_000 }))
  .map(([units, times]) => units.join("").repeat(times));

describe("a long text", () => {
  for (const type of ["NFC", "NFD", "NFKC", "NFKD"] as const) {
    it(`is normalized to ${type} in parts as it is as a whole`, () => {
      const normalizer = createNormalizer([{ type }]);
      fc.assert(
        fc.property(longText, (text) => finish(normalizer(text)) === text.normalize(type)),
        { numRuns: 20 },
      );
    });
  }

  it("is made lower case character by character, wherever it is parted", () => {
    const normalizer = createNormalizer([{ type: "Lowercase" }]);
    fc.assert(
      fc.property(longText, (text) => {
        const characters = Array.from(text, (one) => (one === "\u03a3" ? "\u03c3" : one.toLowerCase()));
        expect(finish(normalizer(text)) === characters.join("")).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("is worked through in turns, not at once", () => {
    const steps: NormalizerStep[] = [
      { type: "NFKC" },
      { type: "Lowercase" },
      { type: "Replace", pattern: { String: " " }, content: "\u2581" },
    ];
    let turns = 0;
    for (const _ of createNormalizer(steps)("a b\u0301".repeat(100_000))) turns++;
    expect(turns).toBeGreaterThan(40);
  });
});
