// npm run build: TypeScript to dist/, native code to build/Release/agentlightning.node. Incremental.
//   --ts-only, --native-only   one half
import { addonCommand } from "./addon-command.mjs";
import { installed, runQuietly } from "./command.mjs";
import { readOptions } from "./options.mjs";
import { runWithProgress } from "./progress.mjs";
import { checkToolchain } from "./toolchain.mjs";

const values = readOptions("npm run build -- [--ts-only | --native-only]", {
  "ts-only": { type: "boolean" },
  "native-only": { type: "boolean" },
});
if (!values["ts-only"]) checkToolchain();
if (!values["native-only"]) {
  const compiler = installed("typescript/package.json").replace(/package\.json$/, "bin/tsc");
  runQuietly(process.execPath, [compiler, "-p", "tsconfig.build.json"]);
}
if (!values["ts-only"]) {
  await runWithProgress("the native addon", ...addonCommand("AUTO"));
}
