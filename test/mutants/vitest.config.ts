// The tests that a run of mutants takes: scripts/test-mutants.mjs names them.
import { defineConfig } from "vitest/config";

const list = (name: string): string[] => (process.env[name] ?? "").split(",").filter((glob) => glob !== "");

export default defineConfig({
  test: {
    include: list("AGL_MUTANT_TESTS"),
    exclude: list("AGL_MUTANT_WITHOUT"),
    testTimeout: 60_000,
  },
});
