import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { automatonAccepts, automatonLengths } from "../../src/grammar/automaton.js";
import { regexToAutomaton } from "../../src/grammar/regex.js";

const refused = (why: string): never => {
  throw new Error(why);
};
const compile = (pattern: string) => regexToAutomaton(pattern, refused);

const patterns = [
  "",
  "a",
  "^a|b$",
  "^(cat|dog)s?$",
  "[0-9]{3}",
  "^.\\s\\w\\S$",
  "^[^a-z]{3}$",
  "^\\p{L}{2}$",
  "^\\P{L}+$",
  "a.*b",
  "^(a*)*$",
  "^(|a)+$",
  "(a|b)*abb",
  "^a{2,4}?b{0,2}c{3,}$",
  "$^",
  "^$",
  "a^b",
  "a$|^b",
  "(?:ab|a)(c|bcd)(d*)",
  "^(?<year>\\d{2})-\\x61\\u0062\\u{1F600}$",
  "\\ud83d\\ude00",
  "[\\]\\-a\\d-]",
  "^[\\w.+-]+@[\\w-]+\\.\\w{2,}$",
  "\\t|\\n|\\cJ|\\0",
  "[^]",
  "[]",
  "^(?!a)",
  "^(?!.*\\.\\.)(?=.{3})[ab.]+$",
  "^(?!^[-.]*$)-?0*\\d*\\.?\\d*$",
  "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
  "^(?=a|b$)(?:)",
  "^(?!)a",
  "^(?!(?:abb|cat)$)[a-d]+",
];
const letters = [..."abcds1 -.@\n\t\u0000A", "ä", "é", "😀", "名", "\u2028", "\ufeff", "]"];

describe("regexToAutomaton", () => {
  it.each(patterns)("%j accepts exactly the texts in which RegExp finds it", (pattern) => {
    const automaton = compile(pattern);
    const regex = new RegExp(pattern, "u");
    const samples = ["", "cat", "dogs", "123", "x ab", "ABC", "12-ab😀", "a@b.cd", "aabccc", "äb", "abb"];
    for (const text of samples)
      expect([text, automatonAccepts(automaton, text)]).toEqual([text, regex.test(text)]);
    const property = fc.property(fc.array(fc.constantFrom(...letters), { maxLength: 8 }), (characters) => {
      const text = characters.join("");
      expect(automatonAccepts(automaton, text)).toBe(regex.test(text));
    });
    fc.assert(property, { seed: 15, numRuns: 400 });
  });

  it("random expressions agree with RegExp on random texts", () => {
    const { regex } = fc.letrec<{ regex: string }>((tie) => ({
      regex: fc.oneof(
        { maxDepth: 4, depthIdentifier: "regex" },
        fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "^", "$", "\\d", "(?:)"),
        fc.tuple(tie("regex"), tie("regex")).map(([x, y]) => `${x}${y}`),
        fc.tuple(tie("regex"), tie("regex")).map(([x, y]) => `(?:${x}|${y})`),
        fc
          .tuple(tie("regex"), fc.constantFrom("*", "+", "?", "{2}", "{1,3}", "{2,}"))
          .map(([x, q]) => `(?:${x})${q}`),
      ),
    }));
    const texts = fc.array(fc.array(fc.constantFrom("a", "b", "1", "\n"), { maxLength: 7 }), {
      maxLength: 12,
    });
    const lookahead = fc.tuple(fc.constantFrom("=", "!"), regex).map(([kind, inner]) => `(?${kind}${inner})`);
    const whole = fc
      .tuple(fc.array(lookahead, { maxLength: 2 }), regex)
      .map(([ahead, rest]) => (ahead.length === 0 ? rest : `^${ahead.join("")}(?:${rest})`));
    const property = fc.property(whole, texts, (pattern, all) => {
      const automaton = compile(pattern);
      for (const text of all.map((characters) => characters.join("")))
        expect([pattern, text, automatonAccepts(automaton, text)]).toEqual([
          pattern,
          text,
          new RegExp(pattern, "u").test(text),
        ]);
    });
    fc.assert(property, { seed: 15, numRuns: 600 });
  });

  it.each(["Script=Greek", "Noncharacter_Code_Point", "Co", "Cn"])(
    "\\p{%s} holds the very code points that RegExp says",
    (property) => {
      const [state] = compile(`^\\p{${property}}$`);
      const regex = new RegExp(`^\\p{${property}}$`, "u");
      const wrong: number[] = [];
      let at = 0;
      for (let point = 0; point < 0x110000; point++) {
        if (point >= 0xd800 && point <= 0xdfff) continue;
        while ((state?.edges[at]?.[1] ?? Infinity) < point) at++;
        const isIn = (state?.edges[at]?.[0] ?? Infinity) <= point;
        if (isIn !== regex.test(String.fromCodePoint(point))) wrong.push(point);
      }
      expect(wrong).toEqual([]);
    },
  );

  it("knows the shortest and the longest text", () => {
    expect(automatonLengths(compile("^a{2,4}(bc)?$"))).toEqual({ least: 2, most: 6 });
    expect(automatonLengths(compile("^a+$"))).toEqual({ least: 1, most: Infinity });
  });

  it.each([
    ["(", /Invalid|Unterminated/],
    ["a(?=b)", /lookahead/],
    ["(?=b)a", /lookahead/],
    ["^(?!a)b|c", /lookahead in a branch/],
    ["^(?!a(?!b))c", /lookahead/],
    ["^(?!a)*c", /lookahead that is repeated/],
    ["(?<!a)b", /lookbehind/],
    ["(a)\\1", /back reference/],
    ["\\bx", /word border/],
    ["(a{1000}){1000}", /too large/],
    ["^(a|b)*a(a|b){20}$", /too large/],
    [`${"(".repeat(5000)}a${")".repeat(5000)}`, /nested|too large|Regular expression/],
    [".{0,9000}x", /too large/],
    ["((a{0,50}){0,50}){0,50}", /too large/],
  ])("refuses %j", (pattern, why) => {
    expect(() => compile(pattern)).toThrow(why);
  });
});
