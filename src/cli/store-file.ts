// The file behind a store's URL.
import { existsSync } from "node:fs";
import { argumentError } from "../base/check.js";

/** Opening makes the file that is missing: a wrong path would be an empty store. @throws E_ARGUMENT */
export async function checkThere(who: string, url: string): Promise<void> {
  const path = url.startsWith("sqlite:") ? url.slice("sqlite:".length) : null;
  if (path !== null && path !== "" && !existsSync(path))
    throw argumentError(who, "the file of a store that is there", path);
}
