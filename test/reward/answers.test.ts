// What an answer is worth: tables of cases.
import { describe, expect, it } from "vitest";
import { rewards } from "../../src/reward/index.js";

describe("matches", () => {
  it.each([
    ["The Eiffel Tower!", "eiffel tower", "words", 1],
    ["an eiffel  tower", ["Louvre", "The Eiffel Tower"], "words", 1],
    ["Eiffel", "eiffel tower", "words", 0],
    ["Łódź.", "łódź", "words", 1],
    ["ﬁsh", "fish", "words", 1],
    ["北京", "北京。", "words", 1],
    [null, "anything", "words", 0],
    [null, "A", "words", 0],
    ["the", "A", "words", 0],
    ["A.", "A", "words", 1],
    [undefined, "", "words", 1],
    [" 4 ", "4", "text", 1],
    ["4.0", "4", "text", 0],
    ["A", "a", "text", 0],
    ["so 3 + 4 is #### 1,250", "1250.0", "number", 1],
    ["-7", "it is -7.", "number", 1],
    ["7", "-7", "number", 0],
    ["$1,250.50 in all", "1250.5", "number", 1],
    ["1,25", "25", "number", 1],
    ["1.5e3", "1500", "number", 1],
    [".5", "0.5", "number", 1],
    ["none", "none", "number", 0],
    ["12", "112", "number", 0],
    ["A4 paper", "4", "number", 0],
  ] as const)("of %j with %j as %s is %d", (answer, expected, as, worth) => {
    expect(rewards.matches(answer, expected, { as })).toBe(worth);
  });

  it("compares words unless told otherwise, and refuses what is no text", () => {
    expect(rewards.matches("The cat", "cat.")).toBe(1);
    const wrong = [
      () => rewards.matches(4 as never, "4"),
      () => rewards.matches("4", 4 as never),
      () => rewards.matches("4", []),
      () => rewards.matches("4", "4", { as: "exact" as never }),
      () => rewards.matches("4", "4", { mode: "text" } as never),
      () => rewards.f1(4 as never, "4"),
      () => rewards.f1("4", []),
    ];
    for (const call of wrong) expect(call).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});

describe("f1", () => {
  it.each([
    ["the cat sat", "cat sat", 1],
    ["a cat", "cat sat", 2 / 3],
    ["cat cat cat", "cat", 0.5],
    ["cat", "cat cat cat", 0.5],
    ["dog", "cat", 0],
    ["", "", 1],
    ["the", "", 0],
    [null, "A", 0],
    ["A.", "a", 1],
    ["", "cat", 0],
    [null, "cat", 0],
    ["red fox jumps", ["fox", "red fox"], 0.8],
  ] as const)("of %j with %j is %d", (answer, expected, worth) => {
    expect(rewards.f1(answer, expected)).toBeCloseTo(worth, 12);
  });
});

describe("sameRows", () => {
  const day = new Date("2026-01-02T03:04:05Z");
  it.each([
    [
      "rows in any order",
      [
        [1, "a"],
        [2, "b"],
      ],
      [
        [2, "b"],
        [1, "a"],
      ],
      {},
      1,
    ],
    [
      "rows in their order",
      [
        [1, "a"],
        [2, "b"],
      ],
      [
        [2, "b"],
        [1, "a"],
      ],
      { ordered: true },
      0,
    ],
    ["equal rows as often", [[1], [1], [2]], [[1], [2], [2]], {}, 0],
    ["names of columns", [{ n: 3 }], [{ "count(*)": 3 }], {}, 1],
    ["records beside lists", [{ a: 1, b: "x" }], [[1, "x"]], {}, 1],
    ["columns in another order", [{ b: "x", a: 1 }], [[1, "x"]], {}, 0],
    ["sums of floats", [[0.1 + 0.2]], [[0.3]], {}, 1],
    ["numbers that differ", [[0.3001]], [[0.3]], {}, 0],
    ["bigints and numbers", [[3n]], [[3]], {}, 1],
    ["booleans as SQLite has them", [[true]], [[1]], {}, 1],
    ["zero of both signs", [[-0]], [[0]], {}, 1],
    ["a number and its text", [[3]], [["3"]], {}, 0],
    ["null and its text", [[null]], [["null"]], {}, 0],
    ["null and nothing", [[null]], [[undefined]], {}, 1],
    ["dates", [[day]], [["2026-01-02T03:04:05.000Z"]], {}, 1],
    ["bytes", [[Uint8Array.of(1, 255)]], [[Buffer.from([1, 255])]], {}, 1],
    ["nested values", [[{ a: [1] }]], [[{ a: [1] }]], {}, 1],
    ["text that looks like more columns", [['a","b']], [["a", "b"]], {}, 0],
    ["no rows", [], [], {}, 1],
    ["more rows", [[1], [2]], [[1]], {}, 0],
    ["a query that failed", null, [[1]], {}, 0],
    ["what is no rows", "error" as never, [[1]], {}, 0],
  ] as const)("compares %s", (_of, rows, expected, options, worth) => {
    expect(rewards.sameRows(rows, expected, options)).toBe(worth);
  });

  it("refuses a right result that is none", () => {
    expect(() => rewards.sameRows([], null as never)).toThrow(
      expect.objectContaining({ code: "E_ARGUMENT" }),
    );
    expect(() => rewards.sameRows([], [1] as never)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => rewards.sameRows([], [], { ordered: 1 as never })).toThrow(/ordered/);
  });
});

describe("overlong", () => {
  it.each([
    [0, 0],
    [16384, 0],
    [18432, -0.5],
    [20480, -1],
    [20481, -1],
  ])("of %d tokens with DAPO's limits is %d", (tokens, worth) => {
    expect(rewards.overlong(tokens, { limit: 20480, margin: 4096 })).toBe(worth);
  });

  it("falls at once without a margin, and refuses limits that are none", () => {
    expect([10, 11].map((tokens) => rewards.overlong(tokens, { limit: 10, margin: 0 }))).toEqual([0, -1]);
    for (const options of [{ limit: 0, margin: 0 }, { limit: 5, margin: 6 }, { limit: 5 } as never])
      expect(() => rewards.overlong(1, options)).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => rewards.overlong(Number.NaN, { limit: 5, margin: 1 })).toThrow(/tokens/);
  });
});

describe("length", () => {
  it.each([
    [
      [10, 20, 30],
      [true, true, true],
      [0.5, 0, -0.5],
    ],
    [
      [10, 20, 30],
      [false, false, false],
      [0, 0, -0.5],
    ],
    [
      [10, 15, 30],
      [false, true, true],
      [0, 0.25, -0.5],
    ],
    [
      [7, 7],
      [true, false],
      [0, 0],
    ],
    [[3], [true], [0]],
    [[], [], []],
  ])("of %j, right %j, is %j", (lengths, right, worth) => {
    expect(rewards.length(lengths, right)).toEqual(worth);
  });

  it("refuses lists that differ and lengths that are none", () => {
    for (const call of [
      () => rewards.length([1, 2], [true]),
      () => rewards.length([-1], [true]),
      () => rewards.length(3 as never, [true]),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
  });
});
