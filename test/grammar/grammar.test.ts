import { describe, expect, it } from "vitest";
import type { Grammar, GrammarNode } from "../../src/grammar/grammar.js";
import { createReferenceMatcher } from "./reference-matcher.js";

const rule = (index: number): GrammarNode => ({ kind: "rule", rule: index });
const text = (written: string): GrammarNode => ({ kind: "text", text: written });
const accepted = (rules: readonly GrammarNode[], ...texts: string[]) =>
  texts.filter((written) => createReferenceMatcher({ rules } satisfies Grammar).accepts(written));

describe("the grammar's nodes, as the reference matcher reads them", () => {
  it("a rule that holds itself matches brackets that close", () => {
    const nested: GrammarNode = {
      kind: "choice",
      nodes: [text(""), { kind: "sequence", nodes: [text("("), rule(0), text(")")] }],
    };
    expect(accepted([nested], "", "()", "((()))", "(", "())", "()()")).toEqual(["", "()", "((()))"]);
  });

  it("a repeat counts, and overlapping choices are all followed", () => {
    const node: GrammarNode = {
      kind: "repeat",
      node: { kind: "choice", nodes: [text("a"), text("ab")] },
      min: 2,
      max: 3,
    };
    expect(accepted([node], "a", "aa", "aba", "ababab", "aaaa", "b")).toEqual(["aa", "aba", "ababab"]);
  });

  it("an automaton ends where a state accepts, and classes hold both ends of a range", () => {
    const even: GrammarNode = {
      kind: "automaton",
      states: [
        { accepts: true, edges: [[0x61, 0x61, 1]] },
        { accepts: false, edges: [[0x61, 0x61, 0]] },
      ],
    };
    const letter: GrammarNode = { kind: "class", ranges: [[0x1f600, 0x1f602]] };
    const node: GrammarNode = { kind: "sequence", nodes: [even, letter] };
    expect(accepted([node], "😀", "aa😂", "a😀", "😃", "aa")).toEqual(["😀", "aa😂"]);
  });

  it("a token is not the text it stands for", () => {
    const matcher = createReferenceMatcher({ rules: [{ kind: "token", id: 7 }] });
    expect(matcher.accepts([{ token: 7 }])).toBe(true);
    expect(matcher.accepts([{ token: 8 }])).toBe(false);
    expect(matcher.accepts("7")).toBe(false);
  });
});
