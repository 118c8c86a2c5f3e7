// Whether values are what a JSON schema allows, by the same reading of its keywords that constrained answers are held to.
import { createOpener } from "./alternatives-of.js";
import { createSchemaDocument } from "./schema-document.js";
import { allowsValue } from "./value-check.js";

/**
 * @returns whether a value (what JSON.parse gives, nested at most a few hundred deep) is allowed
 * @throws E_ARGUMENT for a schema that cannot be enforced, at once or, for keywords that lie deeper, when a value reaches them
 */
export function createSchemaCheck(schema: unknown): (value: unknown) => boolean {
  const document = createSchemaDocument(schema);
  const opener = createOpener(document);
  const allowed = document.root.schema === false ? [] : opener.all([document.root]);
  opener.settle();
  return (value) => allowed.some((alternative) => allowsValue(opener, alternative, value));
}
