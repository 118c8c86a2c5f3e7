// The build of the addon in a checkout, by cmake-js in build/: that of `npm run build`, and that of a prebuild, which uses its objects.
import { installed } from "./command.mjs";

/**
 * @param {"AUTO" | "OFF"} cuda  whether the CUDA library is built where nvcc is
 * @param more  further arguments of cmake-js
 * @returns the program and its arguments
 */
export function addonCommand(cuda, more = []) {
  // AGL_TESTS only adds the target native_tests, which `npm test` then builds from the same objects.
  const options = [
    "--CDAGL_TESTS=ON",
    `--CDAGL_CUDA=${cuda}`,
    "--target",
    "agentlightning",
    "--parallel",
    "2",
  ];
  return [process.execPath, [installed("cmake-js/bin/cmake-js"), "compile", ...options, ...more]];
}
