// The file behind a store's URL.
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { argumentError } from "../base/check.js";

/** Opening makes the file that is missing: a wrong path would be an empty store. @throws E_ARGUMENT */
export async function checkThere(who: string, url: string): Promise<void> {
  const path = url.startsWith("sqlite:") ? url.slice("sqlite:".length) : null;
  if (path !== null && path !== "" && !existsSync(path))
    throw argumentError(who, "the file of a store that is there", path);
}

/** A new file is made, but no folder for it: a folder that is missing is more likely a wrong path. @throws E_ARGUMENT */
export function checkFolder(who: string, url: string): void {
  if (!url.startsWith("sqlite:") || url === "sqlite:") return;
  const folder = dirname(resolve(url.slice("sqlite:".length)));
  if (!existsSync(folder))
    throw argumentError(who, "a file in a folder that is there", url, `mkdir -p ${folder}, if it is meant`);
}
