// npm run test:faults: plants one fault after the other and passes only where the named law notices it.
// The table test/native/faults.json holds [{ fault, law }]: isPlanted("<fault>") stands in a file below native/, law is the
// exact sentence of the native test that must fail with it and pass without it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./command.mjs";
import { buildSanitizedTests, runNativeTests } from "./native-tests.mjs";

const faults = JSON.parse(readFileSync(join(root, "test/native/faults.json"), "utf8"));
// The law itself, not its repetition on an emulated device.
const kEmulated = ["^on CUDA: "];
let passed = 0;
let failed = 0;

const { program } = buildSanitizedTests("address");
const laws = new Set(faults.map((entry) => entry.law));
await sideBySide([...laws].map((law) => () => testSound(law)));
await sideBySide(faults.map((entry) => () => testFault(entry)));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

// --- internal ---

async function testSound(law) {
  const run = await runNativeTests(program, { filter: law, without: kEmulated });
  report(run.failed === 0 && run.passed > 0, `without a fault: "${law}" holds`, run.output);
}

async function testFault({ fault, law }) {
  const run = await runNativeTests(program, { filter: law, without: kEmulated, env: { AGL_FAULT: fault } });
  report(run.failedNames.includes(law), `${fault}: "${law}" fails`, run.output);
}

/** Two jobs at a time, in order. */
async function sideBySide(jobs) {
  const waiting = jobs.values();
  const work = async () => {
    for (const job of waiting) await job();
  };
  await Promise.all([work(), work()]);
}

function report(isAsExpected, sentence, output) {
  if (isAsExpected) passed++;
  else failed++;
  console.log(`${isAsExpected ? "ok  " : "FAIL"} ${sentence}`);
  if (!isAsExpected) console.log(output);
}
