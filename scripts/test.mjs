// npm test: build, the native tests, then vitest. Ends with `N passed, N failed` over both.
//   npm test -- ARGS   goes to vitest and skips the native tests
import { join } from "node:path";
import { root, runLoudly, runQuietly } from "./command.mjs";
import { runNativeTests } from "./native-tests.mjs";
import { runVitest } from "./vitest.mjs";

const vitestArgs = process.argv.slice(2);
let passed = 0;
let failed = 0;

if (runLoudly(process.execPath, [join(root, "scripts/build.mjs")]) !== 0) process.exit(1);
if (vitestArgs.length === 0) {
  runQuietly("cmake", ["--build", "build", "--target", "native_tests", "--parallel", "2"]);
  const native = await runNativeTests(join(root, "build/native_tests"));
  process.stdout.write(`native tests\n${native.output}\n`);
  passed += native.passed;
  failed += native.failed;
}
const vitest = runVitest(vitestArgs);
passed += vitest.passed;
failed += vitest.failed;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
