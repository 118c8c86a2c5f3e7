// The file behind a store's URL.
import { accessSync, constants, existsSync } from "node:fs";
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

/** Whether this process may not write the file, or beside it. */
export function isReadOnly(url: string): boolean {
  if (!url.startsWith("sqlite:")) return false;
  const path = resolve(url.slice("sqlite:".length));
  return !isWritable(path) || !isWritable(dirname(path));
}

// --- internal ---

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false; // Whatever hinders it, opening the file to read says more.
  }
}
