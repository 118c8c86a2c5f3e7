import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BytePairOptions,
  createBytePairs,
} from "../../../../src/policy/tokenizer/encoding/byte-pairs.js";

/** By the definition: the merge of the lowest rank, the leftmost of equals, until there is none. */
function byDefinition(text: string, { vocab, merges, unkId, fusesUnk }: BytePairOptions): number[] {
  let ids: number[] = [];
  let unk = false;
  for (const character of text) {
    const id = vocab.get(character);
    if (id === undefined && unkId === undefined) continue;
    if (id === undefined && unk && fusesUnk) continue;
    unk = id === undefined;
    ids.push(id ?? unkId!);
  }
  const made = merges.map(([a, b]) => [vocab.get(a), vocab.get(b), vocab.get(a + b)!] as const);
  for (;;) {
    let best: { rank: number; at: number } | undefined;
    for (const [rank, [a, b]] of made.entries()) {
      const at = ids.findIndex((id, i) => id === a && ids[i + 1] === b);
      if (at >= 0) {
        best = { rank, at };
        break;
      }
    }
    if (best === undefined) return ids;
    ids = [...ids.slice(0, best.at), made[best.rank]![2], ...ids.slice(best.at + 2)];
  }
}

/** Random merges of what is there: later ones may build on earlier ones. */
const model = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 25 }),
    fc.constantFrom(undefined, 0),
    fc.boolean(),
  )
  .map(([picks, unkId, fusesUnk]): BytePairOptions => {
    const tokens = ["<unk>", "a", "b", "c", "_", "\u{10348}"];
    const merges = new Map<string, readonly [string, string]>();
    for (const [i, j] of picks) {
      const [left, right] = [tokens[1 + (i % (tokens.length - 1))]!, tokens[1 + (j % (tokens.length - 1))]!];
      if ((left + right).length > 12 || merges.has(`${left} ${right}`)) continue;
      merges.set(`${left} ${right}`, [left, right]);
      if (!tokens.includes(left + right)) tokens.push(left + right);
    }
    const vocab = new Map(tokens.map((token, id) => [token, id]));
    return { vocab, merges: [...merges.values()], unkId, fusesUnk, byteFallback: false, ignoreMerges: false };
  });

const anyText = fc
  .array(fc.constantFrom("a", "b", "c", "_", "\u{10348}", "?", "\u00e9"), { maxLength: 400, size: "max" })
  .map((characters) => characters.join(""));

function encoded(options: BytePairOptions, text: string, encode = createBytePairs(options).encode): number[] {
  const ids: number[] = [];
  for (const _ of encode(text, ids));
  return ids;
}

describe("byte pairs", () => {
  it("are merged by rank, then from the left, whatever is cut, remembered or done in turns", () => {
    fc.assert(
      fc.property(model, anyText, (options, text) => {
        const { encode } = createBytePairs(options);
        const want = text === "" ? [] : byDefinition(text, options);
        expect(encoded(options, text, encode)).toEqual(want);
        expect(encoded(options, text, encode)).toEqual(want);
      }),
      { numRuns: 300 },
    );
  });

  const options: BytePairOptions = {
    vocab: new Map(
      [...["a", "b", "ab", "aa", "aaaa", "<0xC3>", "<0xA9>", "<unk>"].entries()].map(([i, t]) => [t, i]),
    ),
    merges: [
      ["a", "a"],
      ["aa", "aa"],
      ["a", "b"],
    ],
    unkId: 7,
    fusesUnk: false,
    byteFallback: true,
    ignoreMerges: false,
  };

  it("of a word longer than a turn come out as of a short one", () => {
    expect(encoded(options, "a".repeat(40_001))).toEqual([...Array<number>(10_000).fill(4), 0]);
    expect(encoded(options, "ab".repeat(20_000))).toEqual(Array<number>(20_000).fill(2));
  });

  it("fall back to all bytes of a character, or to the unknown token", () => {
    expect(encoded(options, "a\u00e9b")).toEqual([0, 5, 6, 1]);
    expect(encoded(options, "a\u00eab")).toEqual([0, 7, 1]);
    expect(encoded({ ...options, unkId: undefined }, "a\u00eab")).toEqual([2]);
  });

  it("are not looked at where a whole piece is a token and merges are ignored", () => {
    const vocab = new Map([...options.vocab, ["bbb", 8]]);
    expect(encoded({ ...options, vocab }, "bbb")).toEqual([1, 1, 1]);
    expect(encoded({ ...options, vocab, ignoreMerges: true }, "bbb")).toEqual([8]);
    expect(encoded({ ...options, vocab, ignoreMerges: true }, "bbbb")).toEqual([1, 1, 1, 1]);
  });

  it("that no merge joins are cut, but never within a character or beside an unknown one", () => {
    const text = "ba".repeat(100) + "?\u00e9".repeat(50) + "ab".repeat(100);
    const { vocab, merges, unkId } = options;
    const plain = { vocab, merges, unkId, fusesUnk: true, byteFallback: false, ignoreMerges: false };
    expect(encoded(plain, text)).toEqual(byDefinition(text, plain));
  });
});
