// policy.constrain: a grammar becomes what a sample can be held to.
import { argumentError } from "../base/check.js";
import type { Grammar } from "../grammar/grammar.js";
import type { Constraint } from "./constraints/constraint.js";
import { grammarToWords } from "./constraints/grammar-words.js";
import type { PolicyParts } from "./policy-parts.js";

/** @throws as Policy.constrain */
export async function constrain(parts: PolicyParts, grammar: Grammar): Promise<Constraint> {
  parts.states.checkOpen(kWho);
  if (!Array.isArray(grammar?.rules)) throw argumentError(kWho, "a grammar with rules", grammar);
  return parts.constraints.make(kWho, grammarToWords(kWho, grammar));
}

// --- internal ---

const kWho = "policy.constrain";
