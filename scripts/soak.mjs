// npm run soak -- --minutes N [--sanitize address|thread] [--seed SEED]: mixed sampling, training, cancelling, closing and reopening of engines
// (test/native/soak.h). Fails when a law breaks, a sanitizer speaks, or memory grows after the warm-up.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { root } from "./command.mjs";
import { buildNativeTests } from "./native-tests.mjs";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    sanitize: { type: "string", default: "OFF" },
    seed: { type: "string", default: "1" },
  },
});
if (!(Number(values.minutes) > 0)) throw new Error(`soak: expected --minutes above 0, got ${values.minutes}`);
const folder = values.sanitize === "OFF" ? "native-tests" : `native-tests-${values.sanitize}`;
const program = buildNativeTests(folder, { AGL_SANITIZE: values.sanitize });
// ThreadSanitizer needs its shadow addresses free: without randomised addresses they are.
const prefix = values.sanitize === "thread" ? ["setarch", "--addr-no-randomize"] : [];
const command = [...prefix, program, "--soak", values.minutes, "--seed", values.seed];
const env = {
  ...process.env,
  UBSAN_OPTIONS: "print_stacktrace=1",
  // What is freed stays in quarantine, 256 MiB unless told: it would look like growth.
  ASAN_OPTIONS: "quarantine_size_mb=8",
};
const { status, signal } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: "inherit", env });
if (signal !== null) console.error(`soak: ended by ${signal}`);
process.exitCode = status ?? 1;
