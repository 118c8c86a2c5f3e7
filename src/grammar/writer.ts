// The rules of a grammar while they are written: each once by its key, in turn, so that no schema is too deep.

import type { GrammarNode } from "./grammar.js";
import type { Opener } from "./opener.js";
import type { SchemaDocument } from "./schema-document.js";

export interface Writer {
  readonly opener: Opener;
  readonly document: SchemaDocument;
  /** The rule of that key; `build` is called later, for a key that is new. */
  rule(key: string, build: () => GrammarNode): GrammarNode;
  /** A rule of its own. */
  fresh(build: () => GrammarNode): GrammarNode;
  /** Builds until nothing is left. */
  finish(): readonly GrammarNode[];
}

export function createWriter(document: SchemaDocument, opener: Opener): Writer {
  const numbers = new Map<string, number>();
  const builds: (() => GrammarNode)[] = [];
  return {
    opener,
    document,
    rule(key, build) {
      const rule = numbers.get(key) ?? builds.push(build) - 1;
      numbers.set(key, rule);
      return { kind: "rule", rule };
    },
    fresh: (build) => ({ kind: "rule", rule: builds.push(build) - 1 }),
    finish() {
      const rules: GrammarNode[] = [];
      for (const build of builds) {
        document.spend(1, null);
        rules.push(build());
      }
      return rules;
    },
  };
}

export const kNothing: GrammarNode = { kind: "choice", nodes: [] };
export const kEmpty: GrammarNode = { kind: "sequence", nodes: [] };

export function textNode(text: string): GrammarNode {
  return { kind: "text", text };
}

export function sequenceOf(nodes: readonly GrammarNode[]): GrammarNode {
  const [only] = nodes;
  return nodes.length === 1 && only !== undefined ? only : { kind: "sequence", nodes };
}

export function choiceOf(nodes: readonly GrammarNode[]): GrammarNode {
  const [only] = nodes;
  return nodes.length === 1 && only !== undefined ? only : { kind: "choice", nodes };
}

export function repeatOf(node: GrammarNode, min: number, max: number | null): GrammarNode {
  if (max === 0) return kEmpty;
  return min === 1 && max === 1 ? node : { kind: "repeat", node, min, max };
}
