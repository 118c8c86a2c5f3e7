#!/usr/bin/env node
// prebuildify runs `<node-gyp> rebuild --target=.. --devdir=.. --arch=x64 --release` and takes build/Release/*.node.
// This gives it a cmake-js build instead; of the arguments only --arch matters.
const { spawnSync } = require("node:child_process");

const arch = process.argv.find((argument) => argument.startsWith("--arch="));
const args = [
  "compile",
  "--target",
  "agentlightning",
  "--parallel",
  "2",
  ...(arch ? ["--arch", arch.slice("--arch=".length)] : []),
];
const cmakeJs = require.resolve("cmake-js/bin/cmake-js");
process.exitCode = spawnSync(process.execPath, [cmakeJs, ...args], { stdio: "inherit" }).status ?? 1;
