// The error of a schema that cannot be enforced: what was expected, and where in the schema it is not so.
import { showValue } from "../base/check.js";
import { LightningError } from "../base/error.js";
import { oneLine } from "../base/one-line.js";

/** A place in a schema, from the inside out; null is the schema itself. */
export type SchemaPath = { readonly parent: SchemaPath; readonly step: string | number } | null;

/** The error of a keyword that cannot stand there, whatever its value. */
export function refusedKeyword(keyword: string, path: SchemaPath, remedy: string): LightningError {
  const where = showPath({ parent: path, step: keyword });
  return refusal(`a schema without ${JSON.stringify(keyword)}, got it at ${where}`, remedy);
}

/** The error of a keyword's value. */
export function refusedValue(
  expected: string,
  got: unknown,
  path: SchemaPath,
  remedy?: string,
): LightningError {
  return refusal(`${expected}, got ${showValue(got)} at ${showPath(path)}`, remedy);
}

/** As `properties.user.anyOf[0]`; of the schema itself `the schema`; long ones without their middle. */
export function showPath(path: SchemaPath): string {
  const steps: string[] = [];
  for (let at = path; at !== null; at = at.parent) steps.unshift(showStep(at.step));
  const shown = steps.length > kMostSteps ? [...steps.slice(0, 8), "...", ...steps.slice(-8)] : steps;
  return shown.length === 0 ? "the schema" : shown.join("").replace(/^\./, "");
}

// --- internal ---

const kMostSteps = 24;

function showStep(step: string | number): string {
  if (typeof step === "number") return `[${step}]`;
  return /^[\w$-]{1,60}$/.test(step) ? `.${step}` : `[${JSON.stringify(oneLine(step, 60))}]`;
}

function refusal(what: string, remedy: string | undefined): LightningError {
  return new LightningError(
    "E_ARGUMENT",
    `constrain: expected ${what}${remedy === undefined ? "" : `; ${remedy}`}`,
  );
}
