// What a native build needs from the machine: cmake >= 3.22, a C++20 compiler, ninja or make.
import { spawnSync } from "node:child_process";
import { giveUp } from "./command.mjs";

/**
 * @returns the cmake generator to use
 * Prints one line naming the missing program and exits 1 when the machine lacks one.
 */
export function checkToolchain() {
  const cmake = /cmake version (\d+)\.(\d+)\S*/.exec(outputOf("cmake", ["--version"]) ?? "");
  const isEnough = cmake !== null && (Number(cmake[1]) > 3 || Number(cmake[2]) >= 22);
  if (!isEnough) missing("cmake >= 3.22", cmake?.[0] ?? "none", "cmake");

  const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  if (!compilers.some((name) => outputOf(name, ["--version"]) !== undefined)) {
    missing("a C++20 compiler", process.env.CXX ? `no ${process.env.CXX}` : "none", "g++");
  }
  if (outputOf("ninja", ["--version"]) !== undefined) return "Ninja";
  if (outputOf("make", ["--version"]) !== undefined) return "Unix Makefiles";
  return missing("ninja or make", "none", "make");
}

// --- internal ---

function outputOf(program, args) {
  const result = spawnSync(program, args, { encoding: "utf8" });
  return result.status === 0 ? result.stdout : undefined;
}

function missing(expected, found, debianPackage) {
  giveUp(`build: expected ${expected}, found ${found}; install it (Debian: apt install ${debianPackage})`);
}
