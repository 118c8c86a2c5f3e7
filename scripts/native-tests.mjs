// native_tests: build it with plain cmake in a folder of its own and run it.
//   node scripts/native-tests.mjs [--sanitize address|thread] [--filter SUBSTRING]
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, runQuietly } from "./command.mjs";
import { readOptions } from "./options.mjs";
import { checkToolchain } from "./toolchain.mjs";

/**
 * @param folder  build folder below build/, one for each set of options
 * @param options  cmake options, as in { AGL_SANITIZE: "thread" }
 * @returns the path of the program
 */
export function buildNativeTests(folder, options = {}) {
  const generator = checkToolchain();
  const build = join(root, "build", folder);
  const defines = Object.entries(options).map(([name, value]) => `-D${name}=${value}`);
  runQuietly("cmake", ["-S", root, "-B", build, "-G", generator, ...defines]);
  runQuietly("cmake", ["--build", build, "--target", "native_tests", "--parallel", "2"]);
  return join(build, "native_tests");
}

/**
 * @param {"address" | "thread"} [sanitize]  absent: none
 * @returns the program, and what must stand before it in its command
 */
export function buildSanitizedTests(sanitize) {
  const folder = sanitize === undefined ? "native-tests" : `native-tests-${sanitize}`;
  const program = buildNativeTests(folder, { AGL_SANITIZE: sanitize ?? "OFF" });
  // ThreadSanitizer needs its shadow addresses free: without randomised addresses they are.
  return { program, prefix: sanitize === "thread" ? ["setarch", "--addr-no-randomize"] : [] };
}

/**
 * Runs the program. A crash counts as one more failure.
 * @returns { passed, failed, failedNames, output }
 */
export function runNativeTests(program, { filter, prefix = [] } = {}) {
  const command = [...prefix, program, ...(filter === undefined ? [] : ["--filter", filter])];
  const { status, signal, stdout, stderr, error } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" },
  });
  const output = `${stdout ?? ""}${stderr ?? ""}`;
  const failedNames = [...output.matchAll(/^FAIL (.*)$/gm)].map((match) => match[1]);
  const counts = /(?:^|\n)(\d+) passed, (\d+) failed\s*$/.exec(stdout ?? "");
  const passed = counts === null ? 0 : Number(counts[1]);
  const failed = counts === null ? failedNames.length : Number(counts[2]);
  if (counts !== null && (status === 0 || failed > 0)) return { passed, failed, failedNames, output };
  const end = error?.message ?? signal ?? `status ${status}`;
  return { passed, failed: failed + 1, failedNames, output: `${output}native_tests ended with ${end}\n` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { sanitize, filter } = readOptions(
    "node scripts/native-tests.mjs [--sanitize address|thread] [--filter SUBSTRING]",
    { sanitize: { type: "string" }, filter: { type: "string" } },
  );
  const { program, prefix } = buildSanitizedTests(sanitize);
  const { passed, failed, output } = runNativeTests(program, { filter, prefix });
  process.stdout.write(output.replace(/(^|\n)\d+ passed, \d+ failed\s*$/, "$1"));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
