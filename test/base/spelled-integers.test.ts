import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findSpelled, readSpelled, writeSpelled } from "../../src/base/spelled-integers.js";

describe("JSON with integers beyond 2^53", () => {
  it.each([
    '{"input":9007199254740993}',
    '{"metadata":{"id":-9223372036854775808}}',
    "[18446744073709551615,1,2]",
    '{"a":{"b":[{"c":123456789012345678901234567890}]}}',
    `[${"9".repeat(400)}]`,
    '{"x":0.5,"y":12345678901234567}',
    '{"say \\"agentlightning.integer:9007199254740993\\"":"\\"agentlightning.integer:9007199254740993"}',
    '["1234567890123456789","a,12345678901234567890",12345678901234567890]',
    '{"__proto__":12345678901234567890}',
  ])("comes out as it went in: %s", (text) => {
    expect(writeSpelled(readSpelled(text))).toBe(text);
  });

  it("is JSON as it always was where there are none", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(writeSpelled(readSpelled(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it("keeps any integer", () => {
    fc.assert(
      fc.property(fc.bigInt(), (id) => {
        const text = `{"input":{"id":${id}}}`;
        expect(writeSpelled(readSpelled(text))).toBe(text);
      }),
    );
  });

  it.each(['{"start_time":1700000000123456789}', '{"events":[{"timestamp":1700000000123456789}]}'])(
    "has times as numbers: %s",
    (text) => {
      expect(readSpelled(text)).toEqual(JSON.parse(text));
      expect(readSpelled(`{"input":${text}}`)).not.toEqual({ input: JSON.parse(text) });
    },
  );

  it.each([
    ["[1e400]", "[0]"],
    ['{"input":{"a":[1,-1E999]}}', "input.a[1]"],
    ['{"x":1e+309}', "x"],
  ])("refuses what no number holds: %s", (text, place) => {
    expect(() => readSpelled(text)).toThrow(`at ${place}`);
  });

  it("tells where one is", () => {
    const task = readSpelled('{"items":[{"id":1},{"id":9007199254740993}]}');
    expect(findSpelled(task, "task")).toBe("task.items[1].id");
    expect(findSpelled({ items: [9007199254740991, "9007199254740993"] }, "task")).toBe(undefined);
  });

  it("is looked for in plain data of any depth, without running anything of it", () => {
    let deep: unknown = readSpelled("9007199254740993");
    for (let i = 0; i < 50_000; i++) deep = [deep];
    expect(findSpelled(deep, "task")?.length).toBe(4 + 3 * 50_000);
    const proxy = new Proxy({}, { ownKeys: () => expect.unreachable() });
    const task = {
      proxy,
      get now() {
        return expect.unreachable();
      },
      self: {} as object,
    };
    task.self = task;
    expect(findSpelled(task, "task")).toBe(undefined);
  });
});
