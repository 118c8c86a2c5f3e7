// The package as npm packs it, and npm itself, which is started without a PATH that leads to it.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { root } from "./command.mjs";

/**
 * @param folder  where the tarball is put
 * @param isReady  dist/ and the prebuilt addon are there: what would make them is not run
 * @returns what `npm pack --json` says, and the tarball's path
 */
export function packPackage(folder, { isReady = false } = {}) {
  const options = ["--json", "--pack-destination", folder, ...(isReady ? ["--ignore-scripts"] : [])];
  const { stdout } = run(process.execPath, [npmCli(), "pack", ...options], { cwd: root });
  const [packed] = JSON.parse(stdout);
  return { packed, tarball: join(folder, packed.filename) };
}

/** Whether the prebuilt addon is there and none of its sources is newer. */
export function hasFreshPrebuild() {
  const file = join(root, "prebuilds", "linux-x64", "agentlightning.glibc.node");
  if (!existsSync(file)) return false;
  const sources = ["native", "bindings"].flatMap((name) =>
    readdirSync(join(root, name), { recursive: true }).map((path) => join(root, name, path)),
  );
  const built = statSync(file).mtimeMs;
  return [...sources, join(root, "CMakeLists.txt")].every((path) => statSync(path).mtimeMs <= built);
}

export function npmCli() {
  return join(findNpm(), "bin", "npm-cli.js");
}

export function npxCli() {
  return join(findNpm(), "bin", "npx-cli.js");
}

/** Runs a program to its end. @throws Error with the end of what it said, when it fails */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(
      `${args.join(" ")} ended with ${result.status}: ${result.stderr.slice(-4000)}${result.stdout.slice(-2000)}`,
    );
  return result;
}

// --- internal ---

function findNpm() {
  const { npm_execpath: started } = process.env;
  if (started !== undefined) return dirname(dirname(started));
  const found = process.env.PATH.split(delimiter)
    .map((dir) => join(dir, "npm"))
    .find(existsSync);
  if (found === undefined) throw new Error("packing: expected npm on the PATH, found none");
  return dirname(dirname(realpathSync(found)));
}
