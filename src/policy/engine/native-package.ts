// What is installed of native code beside TypeScript: the error of an addon that is not, and the package of the CUDA library.
import { createRequire } from "node:module";
import { LightningError } from "../../base/error.js";

/** E_NATIVE, with the one command that builds the addon, in a checkout as in an installed package. */
export function noAddon(cause: unknown): LightningError {
  const [why = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
  return new LightningError(
    "E_NATIVE",
    `agentlightning: expected a native addon for ${process.platform}-${process.arch}, found none that loads (${why}); run \`npx agl build\` (needs cmake, a C++20 compiler, and ninja or make)`,
    { cause },
  );
}

/** libagentlightning_cuda.so of the optional package, where that is installed. */
export function cudaLibraryFile(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("@agentlightning/cuda-linux-x64");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
