import { describe, expect, it } from "vitest";
// @ts-expect-error a program without types
import { heldOutQuestions, numberWords, phrasings } from "../../examples/quickstart/questions.js";
// @ts-expect-error a program without types
import { createTokenizer } from "../../examples/quickstart/tokenizer.js";
// @ts-expect-error a program without types
import { toolNames } from "../../examples/quickstart/tools.js";

const { tokenizerJson } = createTokenizer();
const { model, pre_tokenizer: split } = tokenizerJson;
const ranks = new Map<string, number>(
  model.merges.map((merge: string[], rank: number) => [merge.join(" "), rank]),
);

/** What any reader of vocabulary and merges makes of a piece of text, whatever else it ignores. */
function byMerges(piece: string): string[] {
  const parts = [...piece.replaceAll(" ", "Ġ").replaceAll("\n", "Ċ")];
  for (;;) {
    const found = parts.slice(1).map((part, i) => ranks.get(`${parts[i]} ${part}`) ?? Infinity);
    const lowest = Math.min(...found);
    if (lowest === Infinity) return parts;
    const at = found.indexOf(lowest);
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
  }
}

const words = [
  ...toolNames,
  ...numberWords,
  ...["system", "user", "assistant", "arguments", "answer"],
  ...(Object.values(phrasings) as string[][])
    .flat()
    .flatMap((text) => text.split(" "))
    .filter((word) => /^[a-z]+$/.test(word)),
];

describe("the quickstart's tokenizer", () => {
  it("says of every merge where it leads, and nothing else is needed to reach its words", () => {
    expect(model.ignore_merges).toBe(false);
    for (const merge of model.merges) expect(model.vocab).toHaveProperty([merge.join("")]);
    for (const word of words) {
      expect(byMerges(word)).toEqual([word]);
      expect(byMerges(` ${word}`)).toEqual([`Ġ${word}`]);
    }
  });

  it.each(['{"', '":', ' "', '",', ' {"', "}}", " ?", " ,", " a", " b"])("has %j as one token", (piece) => {
    expect(byMerges(piece)).toHaveLength(1);
  });

  it("reaches every token by its own merges", () => {
    for (const token of Object.keys(model.vocab)) expect(byMerges(token)).toEqual([token]);
  });

  it("numbers its tokens without a gap", () => {
    const ids = [
      ...Object.values(model.vocab),
      ...tokenizerJson.added_tokens.map(({ id }: { id: number }) => id),
    ];
    expect(ids.sort((a, b) => a - b)).toEqual(ids.map((_, i) => i));
  });

  it("splits as the model's own class does, which readers put in its place", () => {
    const [first] = split.pretokenizers;
    const pattern = first && "pattern" in first ? first.pattern?.Regex : undefined;
    expect(tokenizerJson.normalizer).toEqual({ type: "NFC" });
    // Without the contractions, which JavaScript writes otherwise and no question has.
    const own = new RegExp(String(pattern).replace(/^\(\?i:[^)]*\)\|/, ""), "gu");
    const told = heldOutQuestions(24).map(({ text }: { text: string }) => text);
    for (const text of [...told, '{"name": "add", "arguments": {"a": 12, "b": 3}}']) {
      const pieces = text.match(own) ?? [];
      expect(pieces.join("")).toBe(text);
      for (const piece of pieces) expect(byMerges(piece)).toHaveLength(1);
    }
  });
});
