// policy.constrain: a JSON schema or a grammar becomes what a sample can be held to.
import { argumentError } from "../base/check.js";
import { LightningError } from "../base/error.js";
import type { Grammar } from "../grammar/grammar.js";
import { schemaToGrammar } from "../grammar/schema-to-grammar.js";
import type { JsonSchema } from "../types/call-request.js";
import type { Constraint, KeyedGrammar } from "./constraints/constraint.js";
import { grammarToWords } from "./constraints/grammar-words.js";
import type { PolicyParts } from "./policy-parts.js";

/** @throws as Policy.constrain */
export async function constrain(parts: PolicyParts, given: Given): Promise<Constraint> {
  parts.states.checkOpen(kWho);
  if (typeof given !== "boolean" && (typeof given !== "object" || given === null || Array.isArray(given)))
    throw argumentError(kWho, "a JSON schema, or a grammar with rules", given);
  return parts.constraints.make(kWho, contentOf(given), () => grammarToWords(kWho, toGrammar(given)));
}

// --- internal ---

const kWho = "policy.constrain";

type Given = JsonSchema | boolean | Grammar | KeyedGrammar;

const isGrammar = (given: Given): given is Grammar =>
  typeof given === "object" && Array.isArray(Object(given).rules);
const isKeyed = (given: Given): given is KeyedGrammar => typeof Object(given).grammar === "function";

function toGrammar(given: Given): Grammar {
  if (isGrammar(given)) return given;
  return isKeyed(given) ? given.grammar() : translate(given);
}

function contentOf(given: Given): string {
  if (isKeyed(given)) return `key ${given.key}`; // which no JSON begins with
  try {
    return JSON.stringify(given);
  } catch (cause) {
    const message = `${kWho}: expected a schema or a grammar that is plain data, got one that is no JSON: ${String(cause)}`;
    throw new LightningError("E_ARGUMENT", message, { cause });
  }
}

// Its errors name the keyword and the path, not the call.
function translate(schema: JsonSchema | boolean): Grammar {
  try {
    return schemaToGrammar(schema);
  } catch (error) {
    if (!(error instanceof LightningError) || error.message.startsWith(kWho)) throw error;
    throw new LightningError(error.code, `${kWho}: ${error.message}`, { cause: error });
  }
}
