// One run of the quickstart from nothing, in an empty folder: node benchmarks/quickstart-case.mjs SEED
// Prints one JSON line: seconds of the starting policy and of the whole, the held-out rewards, and the lines of metrics.jsonl.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startingPolicy } from "../examples/quickstart/starting-policy.js";

const seed = Number(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), "agl-quickstart-"));
process.chdir(folder);
console.log = console.error;
try {
  const out = join(".agl", "quickstart", ...(seed === 1 ? [] : [`seed-${seed}`]));
  const begin = performance.now();
  await startingPolicy(join(out, "starting-policy"), seed, () => 0);
  const policySeconds = (performance.now() - begin) / 1000;
  process.argv.splice(2, 1, "--seed", `${seed}`);
  await import("../examples/quickstart/main.js");
  const seconds = (performance.now() - begin) / 1000;
  const steps = readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n").map(JSON.parse);
  const { user, system } = process.cpuUsage();
  const output = { policySeconds, seconds, steps, cpuSeconds: (user + system) / 1e6 };
  process.stdout.write(`${JSON.stringify(output)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
