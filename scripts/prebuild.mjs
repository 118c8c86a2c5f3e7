// npm run prebuildify: puts the addon into prebuilds/<platform>-<arch>/, where node-gyp-build finds it.
import { join } from "node:path";
import { installed, root, runLoudly } from "./command.mjs";
import { checkToolchain } from "./toolchain.mjs";

checkToolchain();
const shim = join(root, "scripts", "cmake-js-as-node-gyp.cjs");
const args = ["--napi", "--strip", "--tag-libc", "-t", process.versions.node, "--node-gyp", shim];
process.exitCode = runLoudly(process.execPath, [installed("prebuildify/bin.js"), ...args]);
