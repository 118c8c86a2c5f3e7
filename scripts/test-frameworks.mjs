// npm run test:frameworks [-- NAME...] [--nodes VERSION,...]: agents of other frameworks, as their documentation writes them, in a training step
// (test/frameworks). Packs the package once, installs each framework by its own lock file beside it, and runs its scenarios: on this Node, or on
// the oldest below that the framework takes; with --nodes on each of these. Ends with `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { giveUp, root, runLoudly } from "./command.mjs";
import { installNode } from "./nodes.mjs";
import { hasFreshPrebuild, npmCli, packPackage, run } from "./packing.mjs";

const newerNodes = ["22.23.3", "24.21.0"];
const source = join(root, "test", "frameworks");
const all = readdirSync(source).filter((name) => existsSync(join(source, name, "package.json")));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { nodes: { type: "string" } } });
const unknown = positionals.filter((name) => !all.includes(name));
if (unknown.length > 0)
  giveUp(`test:frameworks: expected names of ${all.join(" ")}, got ${unknown.join(" ")}`);

const scratch = mkdtempSync(join(tmpdir(), "agl-frameworks-"));
let passed = 0;
let failed = 0;
try {
  installPackage();
  for (const name of positionals.length > 0 ? positionals : all) testFramework(name);
} finally {
  rmSync(scratch, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

// --- internal ---

/** Into the folder above the frameworks' own, where Node looks after theirs. */
function installPackage() {
  const build = [join(root, "scripts", "build.mjs"), "--ts-only"];
  if (runLoudly(process.execPath, build) !== 0) giveUp("test:frameworks: the build failed");
  const { tarball } = packPackage(scratch, { isReady: hasFreshPrebuild() });
  npm("install", ["--omit=optional", tarball], scratch);
  const files = readdirSync(source).filter((file) => file.endsWith(".mjs"));
  for (const file of files) cpSync(join(source, file), join(scratch, file));
}

function testFramework(name) {
  const {
    engines,
    scenarios = name,
    register = false,
  } = JSON.parse(readFileSync(join(source, name, "package.json"), "utf8"));
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const file of ["package.json", "package-lock.json"])
    cpSync(join(source, name, file), join(folder, file));
  for (const file of readdirSync(join(source, scenarios)))
    if (file.endsWith(".mjs")) cpSync(join(source, scenarios, file), join(folder, file));
  // Peers that the frameworks name beyond what they need are left out, and nothing has to run to install them.
  npm("ci", ["--legacy-peer-deps", "--ignore-scripts"], folder);
  for (const version of nodesFor(engines.node)) runScenarios(name, version, register);
  rmSync(folder, { recursive: true });
}

/** @param range  ">=" and a version */
function nodesFor(range) {
  const takes = (version) => compare(version, range.slice(2)) >= 0;
  if (values.nodes !== undefined) return values.nodes.split(",").filter(takes);
  const oldest = [process.versions.node, ...newerNodes].find(takes);
  return oldest === undefined ? [] : [oldest];
}

function compare(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}

function runScenarios(name, version, register) {
  console.log(`== ${name} on Node ${version}`);
  const node = version === process.versions.node ? process.execPath : installNode(version);
  const hooks = register ? ["--import", "agentlightning/register"] : [];
  const { stdout, status } = spawnSync(node, [...hooks, join(scratch, "harness.mjs"), name], {
    ...{ cwd: scratch, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] },
  });
  process.stdout.write(stdout);
  const counts = /(\d+) passed, (\d+) failed\n$/.exec(stdout);
  passed += Number(counts?.[1] ?? 0);
  failed += Math.max(Number(counts?.[2] ?? 0), status === 0 && counts !== null ? 0 : 1);
}

function npm(command, args, cwd) {
  run(process.execPath, [npmCli(), command, "--no-audit", "--no-fund", ...args], { cwd });
}
