#!/usr/bin/env node
// prebuildify runs `<node-gyp> rebuild --target=.. --devdir=.. --arch=x64 --release` and takes build/Release/*.node.
// This gives it a cmake-js build instead, with CUDA kernels for every card; of the arguments only --arch matters.
const { spawnSync } = require("node:child_process");

const arch = process.argv.find((argument) => argument.startsWith("--arch="));
const cards = [80, 86, 89, "90a", 100, 120].map((card) => `${card}-real`);
const args = [
  "compile",
  "--target",
  "agentlightning",
  "--parallel",
  "2",
  `--CDAGL_CUDA_ARCHS=${[...cards, "80-virtual", "120-virtual"].join(";")}`,
  ...(arch ? ["--arch", arch.slice("--arch=".length)] : []),
];
const cmakeJs = require.resolve("cmake-js/bin/cmake-js");
process.exitCode = spawnSync(process.execPath, [cmakeJs, ...args], { stdio: "inherit" }).status ?? 1;
