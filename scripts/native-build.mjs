// npx agl build: the addon from the sources in this package, into build/Release, where it goes before a prebuilt one. Needs cmake, a C++20
// compiler, ninja or make, and the package's run-time dependencies alone. With nvcc: the CUDA library beside it.
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { giveUp, root, runQuietly } from "./command.mjs";
import { readOptions } from "./options.mjs";
import { runWithProgress } from "./progress.mjs";
import { checkToolchain } from "./toolchain.mjs";

const values = readOptions("npx agl build [--jobs N] [--cuda auto|on|off]", {
  jobs: { type: "string", default: `${availableParallelism()}` },
  cuda: { type: "string", default: "auto" },
});
if (!/^[1-9]\d{0,3}$/.test(values.jobs))
  giveUp(`build: expected --jobs to be a number from 1 to 9999, got ${values.jobs}`);
if (!["auto", "on", "off"].includes(values.cuda))
  giveUp(`build: expected --cuda to be auto, on or off, got ${values.cuda}`);

const require = createRequire(import.meta.url);
const includes = [require("node-addon-api").include, require("node-api-headers").include_dir];
const folder = join(root, "build", "native");
const defines = {
  // Headers only; both tell their folder, one of them in quotes.
  AGL_NODE_INCLUDES: includes.map((path) => path.replaceAll('"', "")).join(";"),
  AGL_CUDA: values.cuda.toUpperCase(),
  AGL_TESTS: "OFF",
  // A compiler that is newer than ours may warn of more.
  AGL_WERROR: "OFF",
  CMAKE_BUILD_TYPE: "Release",
  CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(root, "build", "Release"),
};
const generator = checkToolchain();
// Objects of an earlier build are used again, whatever it was told and wherever the package lay.
rmSync(join(folder, "CMakeCache.txt"), { force: true });
const named = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`);
runQuietly("cmake", ["-S", root, "-B", folder, "-G", generator, ...named]);
const jobs = ["--target", "agentlightning", "--parallel", values.jobs];
await runWithProgress("the native addon", "cmake", ["--build", folder, ...jobs]);
process.stderr.write(`build: ${join(root, "build", "Release", "agentlightning.node")}\n`);
