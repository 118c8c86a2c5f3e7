// npm run test:nodes: what differs on newer Nodes, which have SQLite in them, strip types and bring another undici: stores, runners, the command line and tracing.
// Needs `npm run build`; installs the Nodes below build/.
//   npm run test:nodes -- [VERSION...]   absent: all of them
import { giveUp } from "./command.mjs";
import { installNode } from "./nodes.mjs";
import { runVitest } from "./vitest.mjs";

const known = ["22.23.3", "24.21.0"];
const asked = process.argv.slice(2);
const unknown = asked.find((version) => !known.includes(version));
if (unknown !== undefined) giveUp(`test:nodes: expected versions of ${known.join(" ")}, got ${unknown}`);
const versions = asked.length > 0 ? asked : known;
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
