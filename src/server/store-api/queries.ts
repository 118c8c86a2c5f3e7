// What the read routes share: pages in 0.3's manner, and its leniency towards unknown ids.
import { LightningError } from "../../base/error.js";
import { fromWireQuery, toSnake } from "../../store/http/wire-queries.js";
import type { PagingFields } from "../../store/paging.js";
import { ApiError } from "../http/api-error.js";

/** The store's query of a wire query. @param fields  what may be sorted by @throws ApiError 400, in 0.3's words */
export function toQuery<Q extends object>(wire: object, fields: readonly string[]): Q & PagingFields {
  const {
    strict: _strict,
    hidden: _hidden,
    rollout_id: _scope,
    ...filters
  } = wire as Readonly<Record<string, unknown>>;
  const { limit, offset, sort_by } = filters;
  if (typeof limit === "number" && limit < 1 && limit !== -1)
    throw new ApiError(400, "Limit must be greater than 0 or -1 for no limit");
  if (typeof offset === "number" && offset < 0)
    throw new ApiError(400, "Offset must be greater than or equal to 0");
  const allowed = fields.map(toSnake);
  if (typeof sort_by === "string" && !allowed.includes(sort_by)) {
    const shown = sort_by.slice(0, 60);
    throw new ApiError(400, `Invalid sort_by: ${shown}, allowed fields are: ${allowed.join(", ")}`);
  }
  return fromWireQuery(filters);
}

/** The answer; for an unknown id the fallback, as 0.3 has it, unless the client is strict. */
export async function lenient<T>(isStrict: boolean, answer: Promise<T>, fallback: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isStrict || !(error instanceof LightningError) || error.code !== "E_NOT_FOUND") throw error;
    return fallback;
  }
}

/** @throws ApiError 400 when one of the fields is null */
export function refuseNull(body: object, fields: readonly string[]): void {
  for (const field of fields)
    if ((body as Readonly<Record<string, unknown>>)[field] === null)
      throw new ApiError(400, `${field} is invalid; it cannot be a null value.`);
}

/** A page of nothing. */
export function emptyPage({ limit = null, offset = 0 }: PagingFields) {
  return { items: [], limit, offset, total: 0 };
}
