// npm pack and npm publish begin here: dist/ from nothing, so that no file of an older source is packed, and the prebuilt addon.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { root, runLoudly } from "./command.mjs";

rmSync(join(root, "dist"), { recursive: true, force: true });
for (const command of [["build.mjs", "--ts-only"], ["prebuild.mjs"]]) {
  const [script, ...args] = command;
  // npm reads what a script writes to stdout as part of what `npm pack` answers.
  const status = runLoudly(process.execPath, [join(root, "scripts", script), ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) process.exit(status);
}
