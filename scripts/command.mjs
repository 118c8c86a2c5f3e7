// Running other programs: quiet unless they fail. Also where this repository lies.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

/** The absolute path of a file of an installed package; one line and exit 1 when it is not installed. */
export function installed(specifier) {
  try {
    return require.resolve(specifier);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return giveUp(`build: expected the package of ${specifier}, found none; run npm install`);
  }
}

/** Runs a program with its output kept back; when it fails, prints the output and exits with its status. */
export function runQuietly(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (result.error !== undefined) giveUp(`build: cannot run ${program}: ${result.error.message}`);
  if (result.status === 0) return;
  process.stderr.write(result.stdout + result.stderr);
  process.stderr.write(`build: ${[program, ...args].join(" ")} failed\n`);
  process.exit(result.status ?? 1);
}

/** Runs a program with its output shown. Returns its exit status, 1 when a signal ended it. */
export function runLoudly(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error !== undefined) giveUp(`build: cannot run ${program}: ${result.error.message}`);
  return result.status ?? 1;
}

export function giveUp(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
