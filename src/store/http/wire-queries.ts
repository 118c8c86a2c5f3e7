// Queries on the wire: the same fields in snake_case, limit -1 for all.
import type { PagingFields } from "../paging.js";

/** A query's body; what is undefined is left out by JSON. */
export function toWireQuery(query: object): Readonly<Record<string, unknown>> {
  const wire: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(query)) {
    if (key === "limit") wire.limit = value ?? -1;
    else wire[toSnake(key)] = key === "sortBy" && typeof value === "string" ? toSnake(value) : value;
  }
  return wire;
}

/** Of a query that its schema let pass; null is no filter. */
export function fromWireQuery<Q extends object>(wire: object): Q & PagingFields {
  const query: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(wire)) {
    if (key === "limit") query.limit = value === -1 ? null : value;
    else if (value !== null)
      query[toCamel(key)] = key === "sort_by" && typeof value === "string" ? toCamel(value) : value;
  }
  return query as Q & PagingFields;
}

export function toSnake(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

// --- internal ---

function toCamel(snake: string): string {
  return snake.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
