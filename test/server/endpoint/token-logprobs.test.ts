import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SampledChoice } from "../../../src/policy/policy.js";
import { logprobsOf } from "../../../src/server/endpoint/token-logprobs.js";
import { tokenizer } from "./scripted-policy.js";

function sampledAs(ids: readonly number[]): SampledChoice {
  return {
    tokens: Int32Array.from(ids),
    logprobs: Float32Array.from(ids, () => -1),
    finishReason: "stop",
    topTokens: Int32Array.from(ids),
    topLogprobs: Float32Array.from(ids, () => -1),
    adapter: "default",
    version: 0,
    arithmetic: "f32-r1",
  };
}

const entriesOf = (text: string) => logprobsOf(sampledAs([...tokenizer.encode(text)]), tokenizer).content;

describe("logprobs of sampled tokens", () => {
  it("carry bytes that joined are the answer's, whatever characters the tokens cut through", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (raw) => {
        const text = raw.normalize("NFC");
        const bytes = entriesOf(text).flatMap((entry) => entry.bytes as number[]);
        expect(bytes).toEqual([...new TextEncoder().encode(text)]);
      }),
    );
  });

  const shown: [text: string, tokens: string[]][] = [
    ["a", ["a"]],
    ["\u00e9", ["\\xc3", "\\xa9"]],
    ["\u{1f600}", ["\\xf0", "\\x9f", "\\x98", "\\x80"]],
    ["\ufffd", ["\\xef", "\\xbf", "\\xbd"]],
    ["<|im_end|>", ["<|im_end|>"]],
  ];
  for (const [text, tokens] of shown) {
    it(`of ${JSON.stringify(text)} name bytes of part of a character by their number`, () => {
      expect(entriesOf(text).map(({ token }) => token)).toEqual(tokens);
    });
  }

  it("give alternatives their own bytes too", () => {
    const [first] = entriesOf("\u{1f600}");
    expect(first?.top_logprobs).toEqual([{ token: "\\xf0", logprob: -1, bytes: [0xf0] }]);
  });

  it("of an id without a token are empty", () => {
    const [entry] = logprobsOf(sampledAs([100_000]), tokenizer).content;
    expect(entry).toMatchObject({ token: "", bytes: [] });
  });

  it("of a whole replacement character in one token show it", () => {
    const bytesOf = () => new TextEncoder().encode("\ufeff\ufffd");
    const [entry] = logprobsOf(sampledAs([0]), { ...tokenizer, bytesOf }).content;
    expect(entry?.token).toBe("\ufeff\ufffd");
  });
});
