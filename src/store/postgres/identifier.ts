// Schema names: checked, then quoted; and the names that follow from them.
import { createHash } from "node:crypto";
import { argumentError } from "../../base/check.js";

/** @throws E_ARGUMENT when PostgreSQL would refuse, cut or change the name */
export function checkSchema(who: string, schema: unknown): string {
  const isName =
    typeof schema === "string" &&
    schema !== "" &&
    !schema.includes("\0") &&
    Buffer.from(schema).toString() === schema &&
    Buffer.byteLength(schema) <= kLongestName;
  if (!isName)
    throw argumentError(
      who,
      `schema to be a name of 1 to ${kLongestName} bytes of UTF-8 without NUL`,
      schema,
    );
  if (schema.startsWith("pg_") || schema === "information_schema")
    throw argumentError(who, "schema to be none of PostgreSQL's own", schema);
  return schema;
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  return ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Where a schema's stores tell each other what happened. */
export function channelOf(schema: string): string {
  return `agl_${hashOf(schema).toString("hex").slice(0, 40)}`;
}

/** The two keys of a schema's advisory locks: for its tables, and for its resources. */
export function lockKeysOf(schema: string): {
  readonly space: number;
  readonly tables: 1;
  readonly resources: 2;
} {
  return { space: hashOf(schema).readInt32BE(0), tables: 1, resources: 2 };
}

// --- internal ---

/** NAMEDATALEN - 1. */
const kLongestName = 63;

function hashOf(schema: string): Buffer {
  return createHash("sha256").update(`agentlightning:${schema}`).digest();
}
