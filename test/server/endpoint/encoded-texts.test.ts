import { describe, expect, it } from "vitest";
import { createEncodedTexts } from "../../../src/server/endpoint/encoded-texts.js";

/** Gives the letters' codes, and keeps what it was asked for. */
function createEncoder() {
  const asked: string[] = [];
  const texts = createEncodedTexts(6);
  const encode = async (text: string) =>
    await texts.of(text, async () => {
      asked.push(text);
      return Int32Array.from(text, (letter) => letter.charCodeAt(0));
    });
  return { asked, encode, texts };
}

describe("texts that were encoded lately", () => {
  it("are encoded once, also by those who ask at the same time", async () => {
    const { asked, encode } = createEncoder();
    const all = await Promise.all(["ab", "ab", "c", "ab"].map(encode));
    expect([...(all[3] ?? [])]).toEqual([97, 98]);
    expect(await encode("ab")).toBe(all[0]);
    expect(asked).toEqual(["ab", "c"]);
  });

  it("are known until newer ones need their place, the longest unasked first", async () => {
    const { asked, encode } = createEncoder();
    for (const text of ["aa", "bb", "cc", "aa", "dd", "aa", "cc", "bb"]) await encode(text);
    expect(asked).toEqual(["aa", "bb", "cc", "dd", "bb"]);
  });

  it("are not known where they alone are too long", async () => {
    const { asked, encode } = createEncoder();
    for (const text of ["aa", "bbbbbbb", "bbbbbbb", "aa"]) await encode(text);
    expect(asked).toEqual(["aa", "bbbbbbb", "bbbbbbb", "aa"]);
  });

  it("are asked again where they failed", async () => {
    const { texts } = createEncoder();
    const failing = async () => {
      throw new Error("too long");
    };
    await expect(texts.of("a", failing)).rejects.toThrow("too long");
    expect(await texts.of("a", async () => Int32Array.from([1]))).toEqual(Int32Array.from([1]));
  });
});
