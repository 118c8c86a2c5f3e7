// npm run soak -- --minutes N [--sanitize address|thread] [--seed SEED]: mixed sampling, training, cancelling, closing and reopening of engines
// (test/native/soak.h). Fails when a law breaks, a sanitizer speaks, or memory grows after the warm-up.
import { spawnSync } from "node:child_process";
import { giveUp, root } from "./command.mjs";
import { buildSanitizedTests } from "./native-tests.mjs";
import { readOptions } from "./options.mjs";

const { minutes, sanitize, seed } = readOptions(
  "npm run soak -- [--minutes N] [--sanitize address|thread] [--seed SEED]",
  {
    minutes: { type: "string", default: "10" },
    sanitize: { type: "string" },
    seed: { type: "string", default: "1" },
  },
);
if (!(Number(minutes) > 0)) giveUp(`soak: expected --minutes above 0, got ${minutes}`);
const { program, prefix } = buildSanitizedTests(sanitize);
const command = [...prefix, program, "--soak", minutes, "--seed", seed];
const env = {
  ...process.env,
  UBSAN_OPTIONS: "print_stacktrace=1",
  // What is freed stays in quarantine, 256 MiB unless told: it would look like growth.
  ASAN_OPTIONS: "quarantine_size_mb=8",
};
const { status, signal } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: "inherit", env });
if (signal !== null) console.error(`soak: ended by ${signal}`);
process.exitCode = status ?? 1;
