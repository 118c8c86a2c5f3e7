#!/usr/bin/env node
// prebuildify runs `<node-gyp> rebuild --target=.. --devdir=.. --arch=x64 --release` and takes build/Release/*.node.
// This gives it a cmake-js build instead, without the CUDA library, which is a package of its own; of the arguments only --arch matters.
import { addonCommand } from "./addon-command.mjs";
import { runWithProgress } from "./progress.mjs";

const arch = process.argv.find((argument) => argument.startsWith("--arch="));
const more = arch === undefined ? [] : ["--arch", arch.slice("--arch=".length)];
await runWithProgress("the native addon", ...addonCommand("OFF", more));
