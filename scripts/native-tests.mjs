// native_tests: build it with plain cmake in a folder of its own and run it.
//   node scripts/native-tests.mjs [--sanitize address|thread] [--filter SUBSTRING]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, runQuietly } from "./command.mjs";
import { readOptions } from "./options.mjs";
import { checkToolchain } from "./toolchain.mjs";

// What a sanitizer would take minutes for: whole engines on an emulated device, whose every operation has its own law.
// ThreadSanitizer sees nothing of the emulation at all.
const kLeftOut = { address: ["^on CUDA: "], thread: ["on CUDA: ", "on a device: "] };
const kCounts = /(^|\n)(\d+) passed, (\d+) failed\s*$/;

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
  // The address build is the one that can plant faults; without AGL_FAULT it plants none.
  const faults = sanitize === "address" ? "ON" : "OFF";
  const program = buildNativeTests(folder, { AGL_SANITIZE: sanitize ?? "OFF", AGL_FAULTS: faults });
  // ThreadSanitizer needs its shadow addresses free: without randomised addresses they are.
  return { program, prefix: sanitize === "thread" ? ["setarch", "--addr-no-randomize"] : [] };
}

/**
 * Runs the program, all of it in two processes side by side. A crash counts as one more failure.
 * @param {{ filter?: string, without?: readonly string[], prefix?: string[], env?: Record<string, string> }} [options]
 *   filter: these tests, in one process; env: added to the environment
 * @returns { passed, failed, failedNames, output }
 */
export async function runNativeTests(program, { filter, without = [], prefix = [], env = {} } = {}) {
  const chosen = [
    ...(filter === undefined ? [] : ["--filter", filter]),
    ...without.flatMap((text) => ["--without", text]),
  ];
  const parts =
    filter === undefined
      ? [
          ["--part", "1/2"],
          ["--part", "2/2"],
        ]
      : [[]];
  const runs = await Promise.all(parts.map((part) => runOnce([...prefix, program, ...chosen, ...part], env)));
  return {
    passed: runs.reduce((sum, run) => sum + run.passed, 0),
    failed: runs.reduce((sum, run) => sum + run.failed, 0),
    failedNames: runs.flatMap((run) => run.failedNames),
    output: runs.map((run) => run.output).join(""),
  };
}

async function runOnce(command, env) {
  const child = spawn(command[0], command.slice(1), {
    cwd: root,
    env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1", ...env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const [status, signal] = await once(child, "close");
  const output = `${stdout.replace(kCounts, "$1")}${stderr}`;
  const failedNames = [...stdout.matchAll(/^FAIL (.*)$/gm)].map((match) => match[1]);
  const counts = kCounts.exec(stdout);
  const passed = counts === null ? 0 : Number(counts[2]);
  const failed = counts === null ? failedNames.length : Number(counts[3]);
  if (counts !== null && (status === 0 || failed > 0)) return { passed, failed, failedNames, output };
  return {
    passed,
    failed: failed + 1,
    failedNames,
    output: `${output}native_tests ended with ${signal ?? `status ${status}`}\n`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { sanitize, filter } = readOptions(
    "node scripts/native-tests.mjs [--sanitize address|thread] [--filter SUBSTRING]",
    { sanitize: { type: "string" }, filter: { type: "string" } },
  );
  const { program, prefix } = buildSanitizedTests(sanitize);
  const without = filter === undefined ? kLeftOut[sanitize] : undefined;
  const { passed, failed, output } = await runNativeTests(program, { filter, without, prefix });
  process.stdout.write(output);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
