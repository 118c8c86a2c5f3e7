import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { automatonAccepts } from "../../src/grammar/automaton.js";
import { nextNumber, toDecimal } from "../../src/grammar/decimal.js";
import { above, below, numberAutomaton } from "../../src/grammar/number-bounds.js";

const whole = (min: number | null, max: number | null, multipleOf: number | null = null) =>
  numberAutomaton({ isInteger: true, min, max, multipleOf })!;
const any = (min: number | null, max: number | null) =>
  numberAutomaton({ isInteger: false, min, max, multipleOf: null })!;

const bound = fc.oneof(
  fc.integer({ min: -120, max: 120 }),
  fc.maxSafeInteger(),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 0, 1, -1),
);
const fraction = fc.oneof(
  fc.integer({ min: -2000, max: 2000 }).map((hundredths) => hundredths / 100),
  fc.double({ noNaN: true, min: -1e20, max: 1e20 }),
  fc.constantFrom(0, 1, -1, 0.25, 1e-7, 1e-5, 0.1, 1e21, -1e21),
);

describe("numberAutomaton", () => {
  it("accepts exactly the integers between its bounds", () => {
    const property = fc.property(bound, bound, fc.array(bound, { minLength: 5 }), (a, b, values) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      const automata = [whole(min, max), whole(min, null), whole(null, max)];
      for (const value of [...values, min, max, min - 1, max + 1].filter(Number.isSafeInteger)) {
        const judged = automata.map((automaton) => automatonAccepts(automaton, String(value)));
        expect([value, ...judged]).toEqual([value, min <= value && value <= max, min <= value, value <= max]);
      }
    });
    fc.assert(property, { seed: 15, numRuns: 300 });
  });

  it("accepts exactly the numbers between its bounds, in their shortest spelling and with zeros behind", () => {
    const property = fc.property(fraction, fraction, fc.array(fraction, { minLength: 5 }), (a, b, values) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      const automata = [any(min, max), any(min, null), any(null, max)];
      for (const value of [...values, min, max]) {
        const texts = [plain(value), plain(value).includes(".") ? `${plain(value)}0` : `${plain(value)}.0`];
        for (const text of texts.filter((spelled) => /^-?\d{1,21}(\.\d{1,24})?$/.test(spelled))) {
          const judged = automata.map((automaton) => automatonAccepts(automaton, text));
          expect([text, min, max, ...judged]).toEqual([
            text,
            min,
            max,
            min <= value && value <= max,
            min <= value,
            value <= max,
          ]);
        }
      }
    });
    fc.assert(property, { seed: 15, numRuns: 300 });
  });

  it("accepts the neighbours of an exclusive bound and not the bound", () => {
    const property = fc.property(fraction, (value) => {
      fc.pre(Math.abs(value) > 1e-5 && Math.abs(value) < 1e20);
      const automata = [any(above(value), null), any(null, below(value))];
      expect(automata.map((automaton) => automatonAccepts(automaton, plain(value)))).toEqual([false, false]);
      const neighbours = [plain(nextNumber(value)), plain(-nextNumber(-value))];
      expect(automata.map((automaton, at) => automatonAccepts(automaton, neighbours[at]!))).toEqual([
        true,
        true,
      ]);
    });
    fc.assert(property, { seed: 15, numRuns: 200 });
  });

  it("accepts multiples alone", () => {
    const fives = whole(-20, null, 5);
    const accepted = [-25, -20, -5, 0, 5, 7, 12, 1000, 1001].filter((value) =>
      automatonAccepts(fives, `${value}`),
    );
    expect(accepted).toEqual([-20, -5, 0, 5, 1000]);
  });

  it("accepts tiny and huge numbers as JSON writes them, where the bounds hold for all of them", () => {
    for (const text of ["1e-7", "-1.5e-10", "5e-323", "1e+21", "1.7976e+286"])
      expect([text, automatonAccepts(any(null, null), text)]).toEqual([text, true]);
    expect(automatonAccepts(any(0, 1), "1e-7")).toBe(true);
    expect(automatonAccepts(any(0, 1), "-1e-7")).toBe(false);
    expect(automatonAccepts(any(0, 1), "1e+21")).toBe(false);
    expect(automatonAccepts(any(null, null), "1e+400")).toBe(false);
  });

  it("refuses what JSON does not call a number", () => {
    for (const text of ["", "-", "01", "1.", ".5", "-.5", "+1", "1e", "--1", "1.5.2", "NaN"])
      expect([text, automatonAccepts(any(null, null), text)]).toEqual([text, false]);
    for (const text of ["-0", "00", "1.0", "1e2"])
      expect([text, automatonAccepts(whole(null, null), text)]).toEqual([text, false]);
  });

  it("is small for the bounds that generators of schemas write", () => {
    const { MAX_SAFE_INTEGER } = Number;
    expect(whole(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER).length).toBeLessThan(64);
    expect(any(null, null).length).toBeLessThan(100);
  });
});

function plain(value: number): string {
  const { isNegative, whole: digits, fraction: rest } = toDecimal(value);
  return `${isNegative ? "-" : ""}${digits}${rest === "" ? "" : `.${rest}`}`;
}
