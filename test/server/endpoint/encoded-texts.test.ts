import { describe, expect, it } from "vitest";
import { createEncodedTexts } from "../../../src/server/endpoint/encoded-texts.js";

const ids = (...all: number[]) => Int32Array.from(all);

describe("texts that were encoded lately", () => {
  it("are known until newer ones need their place, the longest unasked first", () => {
    const texts = createEncodedTexts(6);
    texts.put("aa", ids(1));
    texts.put("bb", ids(2));
    texts.put("cc", ids(3));
    expect(texts.get("aa")).toEqual(ids(1));
    texts.put("dd", ids(4));
    expect(["aa", "bb", "cc", "dd"].map((text) => texts.get(text)?.[0])).toEqual([1, undefined, 3, 4]);
  });

  it("count once however often they come, and not at all where they alone are too long", () => {
    const texts = createEncodedTexts(4);
    for (let i = 0; i < 9; i++) texts.put("aa", ids(i));
    texts.put("bb", ids(2));
    texts.put("ccccc", ids(3));
    expect([texts.get("aa"), texts.get("bb"), texts.get("ccccc")]).toEqual([ids(8), ids(2), undefined]);
  });
});
