// ajv as the judge of what a schema allows: draft-07 or 2020-12 by $schema, 2020-12 without; formats by ajv-formats.
import { createRequire } from "node:module";

export type Judge = (value: unknown) => boolean;

/** @throws what ajv throws for a schema that it refuses */
export function ajvJudge(schema: unknown): Judge {
  const isDraft7 = isObject(schema) && String(schema.$schema).includes("draft-07");
  const ajv = new (isDraft7 ? Ajv7 : Ajv2020)({
    strict: false,
    allErrors: false,
    logger: false,
    validateFormats: true,
  });
  addFormats(ajv);
  // Formats that ajv-formats does not know are not judged, as in JSON schema itself.
  const validate = ajv.compile(schema);
  return (value) => validate(value) === true;
}

// --- internal ---

interface Ajv {
  compile(schema: unknown): (value: unknown) => unknown;
}

type AjvClass = new (options: object) => Ajv;

// Typed here: these tests compile where the packages are not installed.
const require = createRequire(import.meta.url);
const { Ajv: Ajv7 } = require("ajv") as { Ajv: AjvClass };
const { Ajv2020 } = require("ajv/dist/2020") as { Ajv2020: AjvClass };
const addFormats = require("ajv-formats") as unknown as (ajv: Ajv) => void;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
