// npm test: build, the native tests, then vitest. Ends with `N passed, N failed` over both.
//   npm test -- ARGS   goes to vitest and skips the native tests
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installed, root, runLoudly, runQuietly } from "./command.mjs";
import { runNativeTests } from "./native-tests.mjs";

const vitestArgs = process.argv.slice(2);
let passed = 0;
let failed = 0;

if (runLoudly(process.execPath, [join(root, "scripts/build.mjs")]) !== 0) process.exit(1);
if (vitestArgs.length === 0) {
  runQuietly("cmake", ["--build", "build", "--target", "native_tests", "--parallel", "2"]);
  const native = runNativeTests(join(root, "build/native_tests"));
  process.stdout.write(`native tests\n${native.output}\n`);
  passed += native.passed;
  failed += native.failed;
}
const vitest = runVitest(vitestArgs);
passed += vitest.passed;
failed += vitest.failed;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

// --- internal ---

/** What vitest's own report counts; a run that ends badly without a failed test is one failure. */
function runVitest(args) {
  const report = join(root, "build", "vitest.json");
  rmSync(report, { force: true });
  const vitest = installed("vitest/package.json").replace(/package\.json$/, "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const status = runLoudly(process.execPath, [vitest, "run", ...reporters, ...args]);
  const counts = readReport(report);
  if (status === 0 && counts.failed === 0) return counts;
  return { passed: counts.passed, failed: Math.max(1, counts.failed) };
}

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
