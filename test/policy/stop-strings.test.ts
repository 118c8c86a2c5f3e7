import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStopMatcher } from "../../src/policy/stop-strings.js";
import type { TokenDecoder } from "../../src/policy/tokenizer/token-decoder.js";
import { loadTokenizer } from "../../src/policy/tokenizer/tokenizer.js";
import { qwen2, thrownBy } from "./fixture-models.js";

const tokenizer = loadTokenizer(qwen2);

function pushAll(stops: readonly string[], ids: ArrayLike<number>): boolean[] {
  const matcher = createStopMatcher(tokenizer, stops);
  return Array.from(ids, (id) => matcher.push(id));
}

/** The definition: does the text that is settled by the tokens so far contain a stop string. */
function byDefinition(stops: readonly string[], ids: ArrayLike<number>): boolean[] {
  const decoder: TokenDecoder = tokenizer.createDecoder();
  let text = "";
  return Array.from(ids, (id) => {
    text += decoder.push(id);
    return stops.some((stop) => text.includes(stop));
  });
}

describe("a stop matcher", () => {
  it("says yes from the very token on that completes a stop string", () => {
    const ids = tokenizer.encode("one END two");
    const upTo = (count: number) => tokenizer.decode(ids.subarray(0, count));
    const answers = pushAll(["END"], ids);
    const first = answers.indexOf(true);
    expect(upTo(first)).not.toContain("END");
    expect(upTo(first + 1)).toContain("END");
    expect(answers.slice(first)).not.toContain(false);
  });

  it("agrees with searching the whole text anew, for any ids and overlapping stops", () => {
    // Few letters, so that partial matches, restarts and matches are all frequent.
    const letters = tokenizer.encode("ab🚀é");
    const token = fc.oneof(fc.constantFrom(...letters), fc.integer({ min: 0, max: 370 }));
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "🚀", "é"), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(stop, { maxLength: 3 }), fc.array(token, { maxLength: 60 }), (stops, ids) => {
        expect(pushAll(stops, ids)).toEqual(byDefinition(stops, ids));
      }),
      { numRuns: 500 },
    );
  });

  it("finds a stop string whose beginning repeats", () => {
    const letters = (text: string) => [...text].flatMap((letter) => [...tokenizer.encode(letter)]);
    expect(pushAll(["aab"], letters("aaab"))).toEqual([false, false, false, true]);
    expect(pushAll(["abab"], letters("aababab")).indexOf(true)).toBe(4);
    expect(pushAll(["ababac"], letters("abababac")).indexOf(true)).toBe(7);
  });

  it("waits for the last byte of a character that tokens split", () => {
    const ids = tokenizer.encode("🚀");
    expect(pushAll(["🚀"], ids)).toEqual([...Array(ids.length - 1).fill(false), true]);
  });

  it("sees special tokens as the text they stand for", () => {
    expect(pushAll(["<|im_end|>"], [64, 357])).toEqual([false, true]);
    expect(pushAll(["a<|im"], [64, 357])).toEqual([false, true]);
  });

  it("never says yes without stop strings", () => {
    expect(pushAll([], tokenizer.encode("anything"))).not.toContain(true);
  });

  it("refuses stop strings that no text contains, or all texts do", () => {
    for (const stop of ["", "\ud83d", 7 as never]) {
      expect(thrownBy(() => createStopMatcher(tokenizer, ["ok", stop]))).toMatchObject({
        code: "E_ARGUMENT",
      });
    }
  });

  it("takes no longer for a token late in the text than for an early one", () => {
    const matcher = createStopMatcher(tokenizer, [`${"a".repeat(500)}b`]);
    const [a] = tokenizer.encode("a");
    const start = performance.now();
    for (let i = 0; i < 200_000; i++) matcher.push(a!);
    // About 0.1 s; searching the whole text for each token would take minutes.
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
