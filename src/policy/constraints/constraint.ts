// What `policy.constrain` gives: handed to `policy.sample` as it is, by as many samples at once as there are.
import type { Grammar } from "../../grammar/grammar.js";

/** Made by one policy, and of use to that one alone. Kept while the policy is open, and by whoever holds it. */
export interface Constraint {
  /** Of memory that it takes, shared parts included. */
  readonly bytes: number;
}

/** A grammar that is written only where nothing of its key is kept. */
export interface KeyedGrammar {
  /** Equal for equal grammars. */
  readonly key: string;
  grammar(): Grammar;
}
