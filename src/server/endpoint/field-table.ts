// The fields of one object of a request: served, harmless, or known and not served. What a table does not know is a slip of a name that it
// knows, which is refused, or ignored, which is reported: clients add fields every few weeks, and none may vanish without a word.
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { showValue } from "../../base/check.js";
import { nearest } from "../../base/nearest.js";
import { badRequest, type RequestError } from "./request-error.js";

export interface FieldTable<Served> {
  /** Checks the served fields, each nullish where it may be left out. Further fields must pass it. */
  readonly served: z.ZodType<Served> & { readonly shape: Readonly<Record<string, unknown>> };
  /** Of no consequence to the answer, whatever their value. */
  readonly harmless: readonly string[];
  /** Would change the answer and are not served. */
  readonly refused: Readonly<Record<string, Refusal>>;
}

export interface Refusal {
  /** Values that ask for what is done anyway; null always does. */
  readonly neutral?: readonly unknown[];
  /** What to do instead. */
  readonly remedy?: string;
}

export interface ReadFields<Served> {
  readonly fields: Served;
  /** Fields that the table does not know. */
  readonly unknown: readonly string[];
}

/**
 * @param at  where the object stands: "" for the body, "messages.0"
 * @throws RequestError 400 naming the field: wrong, not served, or a slip of a known name
 */
export function readFields<Served>(
  table: FieldTable<Served>,
  value: unknown,
  at: string,
): ReadFields<Served> {
  const parsed = table.served.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = [at, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
    throw badRequest(`${path || "body"}: ${issue?.message ?? "is wrong"}`, path || null);
  }
  const unknown: string[] = [];
  const given = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    const field = given[name];
    if (field === null || field === undefined || Object.hasOwn(table.served.shape, name)) continue;
    if (table.harmless.includes(name)) continue;
    const path = at === "" ? name : `${at}.${name}`;
    if (Object.hasOwn(table.refused, name)) {
      const { neutral = [], remedy } = table.refused[name] ?? {};
      if (!neutral.some((passing) => isDeepStrictEqual(passing, field))) throw notServed(path, field, remedy);
      continue;
    }
    const telling = [...Object.keys(table.served.shape), ...Object.keys(table.refused)];
    const meant = nearest(name, telling) ?? nearest(name, table.harmless, kHarmlessShare);
    if (meant !== undefined)
      throw badRequest(
        `${path}: expected a known field, got this name; did you mean ${meant}?`,
        path,
        "unknown_parameter",
      );
    unknown.push(name);
  }
  return { fields: parsed.data, unknown };
}

/** @param remedy  default: leave it out */
export function notServed(path: string, value: unknown, remedy = "leave it out"): RequestError {
  const shown = typeof value === "object" ? (JSON.stringify(value)?.slice(0, 100) ?? "") : showValue(value);
  const message = `${path}: ${shown} is not supported by this endpoint; ${remedy}`;
  return badRequest(message, path, "unsupported_parameter");
}

// --- internal ---

/** A slip in a harmless name has no consequence, and the next field of a client's may lie near one. */
const kHarmlessShare = 0.2;
