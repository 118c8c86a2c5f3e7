// agl build: the native addon, from the sources in this package. What builds is scripts/native-build.mjs, which a checkout has before dist/.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { LightningError } from "../base/error.js";
import { toInteger } from "./option-values.js";

export function buildCommand(): Command {
  return new Command("build")
    .description("build the native addon from this package's sources, with cmake and a C++ compiler")
    .option("--jobs <n>", "compilers at a time (default: one for each core)", toInteger(1))
    .addOption(
      new Option("--cuda <when>", "the CUDA library too; auto is where nvcc is found")
        .choices(["auto", "on", "off"])
        .default("auto"),
    )
    .action(build);
}

// --- internal ---

function build({ jobs, cuda }: { readonly jobs?: number; readonly cuda: string }): void {
  const script = fileURLToPath(new URL("../../scripts/native-build.mjs", import.meta.url));
  const args = ["--cuda", cuda, ...(jobs === undefined ? [] : ["--jobs", `${jobs}`])];
  const { status, error } = spawnSync(process.execPath, [script, ...args], { stdio: "inherit" });
  if (error !== undefined)
    throw new LightningError("E_NATIVE", `agl build: cannot start the build: ${error.message}`, {
      cause: error,
    });
  if (status !== 0) throw new LightningError("E_NATIVE", "agl build: expected a build, it ended without one");
}
