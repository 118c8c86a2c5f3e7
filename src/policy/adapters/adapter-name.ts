// What an adapter may be called. A path in the place of a name would silently give a fresh adapter of that name.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { argumentError, showValue } from "../../base/check.js";
import { adapterConfigFile } from "./adapter-config.js";

/** What calls itself "base" is the model without an adapter. */
export const baseName = "base";

/** A separator, a dot folder, a home, a drive, or the end of a file of weights. */
export function isPathLike(name: string): boolean {
  return /[/\\]|^\.{1,2}$|^~|^[A-Za-z]:|\.(safetensors|bin|json|gguf)$/.test(name);
}

/**
 * @param isFresh  nothing but the name was given, so that a folder of that name would be passed over
 * @throws E_ARGUMENT when it is no name, or one that reads as a path
 */
export function checkAdapterName(who: string, name: unknown, isFresh: boolean): asserts name is string {
  if (typeof name !== "string" || name === "" || name === baseName)
    throw argumentError(who, `a name that is not empty and not ${JSON.stringify(baseName)}`, name);
  const remedy = `give the name first and then the folder, as in policy.addAdapter("mine", ${showValue(name)})`;
  if (isPathLike(name)) throw argumentError(who, "the adapter's name, not a path", name, remedy);
  if (isFresh && existsSync(join(name, adapterConfigFile)))
    throw argumentError(
      who,
      "the adapter's name, not its folder",
      name,
      `${remedy}, or {} for a fresh adapter`,
    );
}
