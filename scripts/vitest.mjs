// Running vitest and counting what it ran.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installed, root, runLoudly } from "./command.mjs";

/**
 * Runs test files with their output shown.
 * @param args  for `vitest run`
 * @param node  the Node that runs it. Default: this one
 * @returns what vitest's own report counts; a run that ends badly without a failed test is one failure
 */
export function runVitest(args, node = process.execPath) {
  const report = join(root, "build", "vitest.json");
  rmSync(report, { force: true });
  const vitest = installed("vitest/package.json").replace(/package\.json$/, "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const status = runLoudly(node, [vitest, "run", ...reporters, ...args]);
  const counts = readReport(report);
  if (status === 0 && counts.failed === 0) return counts;
  return { passed: counts.passed, failed: Math.max(1, counts.failed) };
}

// --- internal ---

/** A test file that fails before its tests are known counts as one failure. */
function readReport(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`test: expected vitest's report, got ${error.message}`);
    return { passed: 0, failed: 1 };
  }
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length };
}
