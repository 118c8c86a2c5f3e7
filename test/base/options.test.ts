import { describe, expect, it } from "vitest";
import { LightningError } from "../../src/base/error.js";
import { checkOptions, checkSpelling, givenOptions, type OptionNames } from "../../src/base/options.js";

interface Sampling {
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly signal?: AbortSignal | undefined;
}

const NAMES: OptionNames<Sampling> = { maxTokens: ["max_new_tokens"], temperature: [], signal: [] };
const ELSEWHERE = { rank: "give it to addAdapter" };
const check = (options: unknown) => () => checkOptions<Sampling>("f", options, NAMES, ELSEWHERE);
const EXPECTED = "f: expected options among maxTokens, temperature, signal, got";

describe("the check of options", () => {
  it.each([
    {},
    { maxTokens: 1 },
    Object.create(null),
    { r: undefined, temperature: undefined },
    new (class Config {
      readonly maxTokens = 3;
      get name() {
        return "mine";
      }
    })(),
  ])("lets known names, names without a value and objects of any class pass", (options) => {
    expect(check(options)).not.toThrow();
  });

  it.each([
    [{ max_tokens: 3 }, '"max_tokens"; did you mean maxTokens?'],
    [{ max_new_tokens: 3 }, '"max_new_tokens"; did you mean maxTokens?'],
    [{ maxNewToken: 3 }, '"maxNewToken"; did you mean maxTokens?'],
    [{ temprature: 0 }, '"temprature"; did you mean temperature?'],
    [{ rank: 8 }, '"rank"; give it to addAdapter'],
    [{ verbosity: "low" }, '"verbosity"'],
    [{ constructor: 1 }, '"constructor"'],
    [
      { temp: 1, Signal: 1, max_tokens: 3, rank: 2 },
      '"temp", "Signal", "max_tokens", "rank"; did you mean signal for Signal, maxTokens for max_tokens?; give it to addAdapter',
    ],
  ])("refuses %j with what was meant", (options, message) => {
    expect(check(options)).toThrow(new LightningError("E_ARGUMENT", `${EXPECTED} ${message}`));
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [7, "7"],
    ["fast", '"fast"'],
    [[1, 2], "an array of 2"],
    [new Map([["maxTokens", 3]]), "object Map"],
    [Promise.resolve({}), "object Promise"],
    [() => ({}), "a function"],
    [new Float32Array(2), "object Float32Array"],
  ])("refuses %s, which holds no options", (options, got) => {
    const message = `f: expected an object of options, got ${got}; the options are maxTokens, temperature, signal`;
    expect(check(options)).toThrow(new LightningError("E_ARGUMENT", message));
  });

  it("knows a signal that was given in place of the options", () => {
    expect(check(new AbortController().signal)).toThrow(
      "f: expected an object of options, got object AbortSignal; pass { signal }",
    );
  });

  it("does not compile without every name of the type, nor with one too many", () => {
    // @ts-expect-error: temperature is missing
    const lacking: OptionNames<Sampling> = { maxTokens: [], signal: [] };
    // @ts-expect-error: rank is no option of it
    const over: OptionNames<Sampling> = { ...NAMES, rank: [] };
    expect([Object.keys(lacking), Object.keys(over)]).toHaveLength(2);
  });
});

interface Open {
  readonly tools?: readonly string[];
  readonly addPrompt?: boolean;
  readonly [variable: string]: unknown;
}

describe("the check of spelling", () => {
  const OPEN: OptionNames<Open> = { tools: ["functions"], addPrompt: [] };
  const checkOpen = (options: unknown, share?: number) => () =>
    checkSpelling<Open>("f", options, OPEN, share);

  it.each([{ tools: [] }, { enable_thinking: true }, { tool: undefined }, { tool: 1 }])(
    "lets %j pass",
    (options) => {
      expect(checkOpen(options)).not.toThrow();
    },
  );

  it.each([
    ["add_prompt", 0, "addPrompt"],
    ["Tools", 0, "tools"],
    ["functions", 0, "tools"],
    ["tool", 0.25, "tools"],
    ["addPromt", 0.25, "addPrompt"],
  ])("refuses %s within %s of a name", (name, share, option) => {
    const message = `f: expected options among tools, addPrompt, got "${name}"; did you mean ${option}?`;
    expect(checkOpen({ [name]: true }, share)).toThrow(new LightningError("E_ARGUMENT", message));
  });

  it("does not compile without the names beside an index signature", () => {
    // @ts-expect-error: addPrompt is missing
    const lacking: OptionNames<Open> = { tools: [] };
    expect(lacking).toEqual({ tools: [] });
  });
});

describe("options without a value", () => {
  it("hide no default", () => {
    expect({ a: 1, b: 2, ...givenOptions({ a: undefined, b: null, c: 0 }) }).toEqual({ a: 1, b: null, c: 0 });
  });
});
