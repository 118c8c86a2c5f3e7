// npm run test:faults: plants one fault after the other and passes only where the named law notices it.
// The table test/native/faults.json holds [{ fault, law }]: AGL_FAULT_<fault> is named by a file below native/,
// law is the exact sentence of the native test that must fail with it and pass without it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./command.mjs";
import { buildNativeTests, runNativeTests } from "./native-tests.mjs";

const faults = JSON.parse(readFileSync(join(root, "test/native/faults.json"), "utf8"));
// The law itself, not its repetition on an emulated device.
const kEmulated = ["^on CUDA: "];
let passed = 0;
let failed = 0;

const sound = buildNativeTests("faults", { AGL_FAULT: "" });
for (const law of new Set(faults.map((entry) => entry.law))) {
  const {
    failed: failures,
    passed: passes,
    output,
  } = await runNativeTests(sound, { filter: law, without: kEmulated });
  report(failures === 0 && passes > 0, `without a fault: "${law}" holds`, output);
}
for (const { fault, law } of faults) {
  const program = buildNativeTests("faults", { AGL_FAULT: fault });
  const { failedNames, output } = await runNativeTests(program, { filter: law, without: kEmulated });
  report(failedNames.includes(law), `${fault}: "${law}" fails`, output);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

// --- internal ---

function report(isAsExpected, sentence, output) {
  if (isAsExpected) passed++;
  else failed++;
  console.log(`${isAsExpected ? "ok  " : "FAIL"} ${sentence}`);
  if (!isAsExpected) console.log(output);
}
