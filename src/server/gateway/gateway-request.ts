// Bodies and queries of the gateway's clients, refused in the words of 1.0.
import type { Context } from "hono";
import type { z } from "zod";
import { ApiError } from "../http/api-error.js";
import { type Detail, kUnsaid, missingBody, toDetails } from "../http/pydantic-detail.js";
import { readJson } from "../http/request-body.js";

/** @throws ApiError 400, 413, 415, 422 */
export async function readBody<S extends z.ZodType>(
  c: Context,
  schema: S,
  maxBytes: number,
): Promise<z.output<S>> {
  const json = await readJson(c, maxBytes);
  if (json === undefined || json === null) throw new ApiError(422, [missingBody()]);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ApiError(422, refine(toDetails(parsed.error, json, "body"), parsed.error, json));
}

/** A call's body: a JSON object, or the proxy's own words for what is not. */
export async function readObject(c: Context, maxBytes: number): Promise<Readonly<Record<string, unknown>>> {
  let json: unknown;
  try {
    json = await readJson(c, maxBytes);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 400)) throw error;
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>;
  throw new ApiError(400, "Invalid JSON in request body");
}

/** @throws ApiError 422 */
export function readQuery<S extends z.ZodType>(given: object, schema: S): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ApiError(422, refine(toDetails(parsed.error, given, "query"), parsed.error, given));
}

/** What does not look like an integer stays text, for the schema to refuse. */
export function integer(c: Context, name: string): number | string | undefined {
  const text = c.req.query(name);
  return text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : text;
}

// --- internal ---

/** 1.0's models forbid unknown keys and have real enums, which 0.3's have not. */
function refine(details: readonly Detail[], error: z.ZodError, given: unknown): Detail[] {
  return details.flatMap((detail, i) => {
    const issue = error.issues[i];
    if (detail.type === "literal_error") return [{ ...detail, type: "enum" }];
    if (issue?.code !== "unrecognized_keys") return [detail];
    const holder = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], given);
    return issue.keys.map((key) => ({
      type: "extra_forbidden",
      loc: [...detail.loc, key],
      msg: "Extra inputs are not permitted",
      input: detail.loc[0] === "body" ? kUnsaid : (holder as Record<string, unknown>)[key],
    }));
  });
}
