// The stages of scripts/device-check.sh, with programs that stand for the driver, the compiler and what is built.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../../scripts/device-check.sh", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "agl-device-check-"));
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "build"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(path: string, body: string): void {
  writeFileSync(join(folder, path), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
}

/** A machine on which everything is there and passes. */
function goodMachine(): void {
  program(
    "bin/nvidia-smi",
    `case "$1" in *name*) echo "H200, 9.0, 580.1, 143771 MiB";; *compute_cap*) echo 9.0;; esac`,
  );
  program("bin/nvcc", 'echo "Cuda compilation tools, release 13.0, V13.0.88"');
  program("bin/cmake", `echo "cmake version 3.25.1"; echo "$@" >> ${join(folder, "cmake.txt")}`);
  for (const name of ["npm", "c++"]) program(`bin/${name}`, "");
  program("bin/ninja", "");
  program(
    "bin/compute-sanitizer",
    'while [[ $1 == --* ]]; do if [[ $1 == --error* || $1 == --tool || $1 == --print* ]]; then shift; fi; shift; done; "$@"',
  );
  program("bin/python3", 'case "$1" in *cuda_peers*) echo "PASS torch";; esac');
  program(
    "build/native_tests",
    'echo "RUN a law"; echo "RECORD instructions agree"; echo "PASS a law (0.1 s)"',
  );
  for (const name of ["products", "attention", "head", "engine"])
    program(`build/bench_cuda_${name}`, "echo '{}'");
}

function check(seconds = 570): { status: number | null; results: string } {
  const { status } = spawnSync(
    "bash",
    [script, "--build", join(folder, "build"), "--out", join(folder, "out"), "--seconds", `${seconds}`],
    {
      encoding: "utf8",
      env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin`, CUDA_HOME: "/nowhere", CXX: "c++" },
    },
  );
  return { status, results: readFileSync(join(folder, "out", "results.txt"), "utf8") };
}

describe("scripts/device-check.sh", () => {
  it("names what a machine without a driver, with an old nvcc, lacks, runs no other stage and fails", () => {
    goodMachine();
    program("bin/nvidia-smi", 'echo "NVIDIA-SMI has failed" >&2; exit 9');
    program("bin/nvcc", 'echo "Cuda compilation tools, release 12.2, V12.2.1"');
    const { status, results } = check();
    expect(status).toBe(1);
    expect(results).toContain("FAIL expected an NVIDIA GPU, found none; nvidia-smi must list one");
    expect(results).toContain("FAIL expected nvcc >= 12.8, found 12.2; install CUDA's toolkit");
    expect(results).toContain("build: not run: the stage machine did not pass");
    expect(results).toMatch(/0 of 8 stages passed, \d+ s\n$/);
  });

  it("passes where every stage does, builds for the machine's devices alone and keeps what the laws recorded", () => {
    goodMachine();
    const { status, results } = check();
    expect(results).toMatch(/8 of 8 stages passed, \d+ s\n$/);
    expect(status).toBe(0);
    expect(results).toMatch(/^agreement: passed 1, failed 0, \d+ s$/m);
    expect(results).toMatch(/^sanitizer: passed 15, failed 0, \d+ s$/m);
    expect(results).toContain("instructions agree");
    expect(readFileSync(join(folder, "cmake.txt"), "utf8")).toContain("-DAGL_CUDA_ARCHS=90a-real");
  });

  it("goes on after a stage that failed, after one that its box cut and after one without its program, and fails", () => {
    goodMachine();
    program(
      "build/native_tests",
      'case "$*" in *CUDA:*) echo "RUN b"; echo "FAIL b"; exit 1;; *--filter*agree*) echo "PASS a"; sleep 60;; *) echo "PASS c";; esac',
    );
    rmSync(join(folder, "bin/compute-sanitizer"));
    const { status, results } = check(30);
    expect(status).toBe(1);
    expect(results).toMatch(/^agreement: passed 1, failed 0, \d+ s, CUT by its box of \d+ s: not passed$/m);
    expect(results).toMatch(/^engine-laws: passed 0, failed \d+, \d+ s$/m);
    expect(results).toContain("NOT RUN: compute-sanitizer was not found");
    expect(results).toMatch(/^benchmarks: passed 4, failed 0, \d+ s$/m);
    expect(results).toMatch(/5 of 8 stages passed, \d+ s\n$/);
  }, 90_000);
});
