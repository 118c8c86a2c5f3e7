import { LightningError } from "../base/error.js";

/** @throws E_NOT_FOUND always */
export function notFound(who: string, what: string, id: string): never {
  throw new LightningError(
    "E_NOT_FOUND",
    `store.${who}: expected a known ${what}, got ${JSON.stringify(id)}`,
  );
}
