import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SpanIdSet } from "../../src/store/span-id-set.js";

describe("a set of span ids", () => {
  it("knows of any ids which are new, as a set of strings does", () => {
    const hex = fc.nat(60).map((n) => n.toString(16).padStart(16, "0"));
    const close = fc
      .tuple(fc.constantFrom("0", "8", "a", "f", "A", "g", " ", "-"), fc.nat(15), hex)
      .map(([digit, at, id]) => id.slice(0, at) + digit + id.slice(at + 1));
    const any = fc.oneof(hex, close, fc.string({ maxLength: 17 }), fc.constant("__proto__"));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 200 }), (ids) => {
        const ours = new SpanIdSet();
        const plain = new Set<string>();
        for (const id of ids) {
          expect(ours.add(id)).toBe(!plain.has(id));
          plain.add(id);
        }
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it("keeps apart ids whose digits are at the ends of what a digit is, and what is none", () => {
    const set = new SpanIdSet();
    const digits = ["0", "9", "a", "f", "/", ":", "`", "g", "A"];
    const ids = digits.flatMap((digit) => [`${digit}${"1".repeat(15)}`, `${"1".repeat(15)}${digit}`]);
    expect(ids.filter((id) => set.add(id))).toEqual(ids);
    expect(ids.filter((id) => set.add(id))).toEqual([]);
  });

  it.each<[string, (i: number) => string]>([
    ["ascending", (i) => i.toString(16).padStart(16, "0")],
    ["alike at the end", (i) => i.toString(16).padStart(8, "f").padEnd(16, "0")],
    ["alike but for high digits", (i) => i.toString(16).padEnd(16, "1")],
  ])("keeps each of a hundred thousand ids once: %s", (_, idOf) => {
    const ids = Array.from({ length: 100_000 }, (_, i) => idOf(i + 0x10_0000));
    const set = new SpanIdSet();
    expect(ids.filter((id) => set.add(id)).length).toBe(ids.length);
    expect(ids.filter((id) => set.add(id)).length).toBe(0);
    expect(set.add(idOf(0x20_0000))).toBe(true);
  });
});
