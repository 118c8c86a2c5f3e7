import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TooManyTokensError } from "../../../src/policy/encoding/too-many-tokens.js";
import { loadTokenizer } from "../../../src/policy/tokenizer.js";
import { qwen2 } from "../fixture-models.js";

const tokenizer = loadTokenizer(qwen2);

describe("encodeAsync", () => {
  it("gives what encode gives", async () => {
    const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        expect(await tokenizer.encodeAsync(text)).toEqual(tokenizer.encode(text));
      }),
    );
  });

  it("rejects a text of more tokens than the most, and no other", async () => {
    const text = "what is 12 + 30 ?";
    const { length } = tokenizer.encode(text);
    expect(await tokenizer.encodeAsync(text, { most: length })).toHaveLength(length);
    const error = await tokenizer.encodeAsync(text, { most: length - 1 }).catch((error) => error);
    expect(error).toBeInstanceOf(TooManyTokensError);
    expect(error).toMatchObject({ code: "E_ARGUMENT", most: length - 1 });
    expect(error.message).toContain(`expected at most ${length - 1} tokens`);
    expect(error.atLeast).toBeGreaterThanOrEqual(length - 1);
  });

  it("rejects at once what is too long by its length alone", async () => {
    const started = performance.now();
    const text = "x ".repeat(5_000_000);
    await expect(tokenizer.encodeAsync(text, { most: 1000 })).rejects.toThrow(TooManyTokensError);
    expect(performance.now() - started).toBeLessThan(100);
  });

  it("rejects with the reason of a signal that aborted", async () => {
    const signal = AbortSignal.abort("enough");
    await expect(tokenizer.encodeAsync("a", { signal })).rejects.toBe("enough");
  });

  it("rejects what is not text, and a most that is no number of tokens", async () => {
    await expect(tokenizer.encodeAsync(7 as never)).rejects.toMatchObject({ code: "E_ARGUMENT" });
    for (const most of [-1, Number.NaN, 1.5]) {
      await expect(tokenizer.encodeAsync("a", { most })).rejects.toMatchObject({ code: "E_ARGUMENT" });
    }
  });
});
