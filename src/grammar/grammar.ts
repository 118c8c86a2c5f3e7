// What a constrained answer may be: a context-free grammar over Unicode code points with counted repetition. Plain data, as the
// native matcher reads it. No rule is left-recursive, no cycle matches the empty text, a repeated node never matches it.

export interface Grammar {
  /** The first is the start. */
  readonly rules: readonly GrammarNode[];
}

export type GrammarNode =
  /** These code points. */
  | { readonly kind: "text"; readonly text: string }
  /** One code point; ranges are inclusive, ascending and hold no surrogates. */
  | { readonly kind: "class"; readonly ranges: readonly CodePoints[] }
  /** One after the other; of none, the empty text. */
  | { readonly kind: "sequence"; readonly nodes: readonly GrammarNode[] }
  /** Any of them, which may overlap; of none, nothing. */
  | { readonly kind: "choice"; readonly nodes: readonly GrammarNode[] }
  /** `min` to `max` times, a number in the matcher's state; null is without bound. */
  | { readonly kind: "repeat"; readonly node: GrammarNode; readonly min: number; readonly max: number | null }
  | { readonly kind: "rule"; readonly rule: number }
  /** Deterministic over code points; the first state starts, and from every state one that accepts can be reached. */
  | { readonly kind: "automaton"; readonly states: readonly AutomatonState[] }
  /** Exactly this token, whatever its bytes: a special or added token that a tag begins or ends with. */
  | { readonly kind: "token"; readonly id: number };

export type CodePoints = readonly [from: number, to: number];

export interface AutomatonState {
  readonly accepts: boolean;
  /** Ascending, without overlap. */
  readonly edges: readonly (readonly [from: number, to: number, state: number])[];
}
