// Ids in the addresses of a store's routes.
import { argumentError } from "../../base/check.js";

/** An id as a part of a path. @param taken  what the routes mean by something else there @throws E_ARGUMENT */
export function part(id: string, taken?: string): string {
  if (typeof id !== "string" || kUnspeakable.test(id) || id === taken)
    throw argumentError("store over HTTP", "an id that can stand in an address", id);
  return encodeURIComponent(id);
}

// --- internal ---

/** Nothing, what an address takes for a folder, and half a character. */
const kUnspeakable = /^\.{0,2}$|\p{Surrogate}/u;
