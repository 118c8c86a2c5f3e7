// JSON schema as a grammar of one line of JSON: every keyword is enforced, or refused by name before anything runs.
import { createOpener } from "./alternatives-of.js";
import type { Grammar } from "./grammar.js";
import { pruneGrammar } from "./prune.js";
import { createSchemaDocument } from "./schema-document.js";
import { refusedValue } from "./schema-refusal.js";
import { writeValue } from "./write-value.js";
import { createWriter } from "./writer.js";

/**
 * Texts are on one line, with ", " and ": " between, strings spelled as by JSON.stringify; properties come in the schema's order, those that it
 * does not list, where it allows them, after them.
 * @throws E_ARGUMENT for a schema that cannot be enforced, with the keyword and its path
 */
export function schemaToGrammar(schema: unknown): Grammar {
  const document = createSchemaDocument(schema);
  if (document.root.schema === false) throw refusedValue("a schema that allows a value", false, null);
  const opener = createOpener(document);
  const writer = createWriter(document, opener);
  writeValue(writer, [document.root]);
  const rules = writer.finish();
  opener.settle();
  const grammar = pruneGrammar(rules);
  if (grammar === undefined)
    throw refusedValue("a schema that some value satisfies", "one whose values never end", null);
  return grammar;
}

/** Any JSON object. */
export function anyJsonObject(): Grammar {
  return schemaToGrammar({ type: "object" });
}
