// The place in a store's changes up to which somebody has read: a counter that rises with every change.
import { argumentError, checkInteger } from "../base/check.js";

/** Of one answer, unless told otherwise. */
export const kMostChanges = 1000;

/** @param last  of the store @throws E_ARGUMENT for text that is no cursor, or one of another store */
export function toChangeNumber(since: string | undefined, last: number): number {
  if (since === undefined) return 0;
  const number = typeof since === "string" && /^\d{1,15}$/.test(since) ? Number(since) : Number.NaN;
  if (number <= last) return number;
  throw foreignCursor(since);
}

export function foreignCursor(since: unknown): Error {
  return argumentError("store.changes", "a cursor that this store gave", since, "start again without one");
}

/** @throws E_ARGUMENT */
export function checkMostChanges(limit: number): number {
  return checkInteger("store.changes", "limit", limit, { min: 1, max: 100_000 });
}
