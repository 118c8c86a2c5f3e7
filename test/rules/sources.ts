// The repository's source files, as the rules read them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sources } from "./import-rule.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Every file below a folder of the repository whose name matches, by its path from the root with `/`. */
export function readSources(folder: string, name: RegExp): Sources {
  const top = join(root, folder);
  if (!existsSync(top)) return {};
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && name.test(entry.name),
  );
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(root.length).replaceAll("\\", "/"), readFileSync(path, "utf8")];
    }),
  );
}

export const typescriptFile = /\.ts$/;
export const nativeFile = /\.(h|cpp|inc|cu|cuh)$/;
