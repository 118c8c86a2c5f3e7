// npm run test:package: the package as its users get it. Packs it and, in an empty folder, trains the quickstart for a step: with nothing but
// Node on the PATH by the prebuilt addon, on each Node that is supported; then without that addon, after `npx agl build`.
// Needs cmake and a C++ compiler. Ends with `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "./command.mjs";
import { installNode } from "./nodes.mjs";
import { checkContents } from "./package-contents.mjs";
import { npmCli, npxCli, packPackage, run } from "./packing.mjs";

const newerNodes = ["22.23.3", "24.21.0", "26.10.0"];
const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "agl-package-"));
const folder = join(scratch, "empty");
const bin = join(scratch, "bin");
const installed = join(folder, "node_modules", "agentlightning");
const quickstart = join(installed, "examples", "quickstart", "main.js");
const agl = join(installed, "dist", "cli", "main.js");
const withNodeAlone = bin;
// CUDA kernels would take minutes and need a card to be tried.
const withCompiler = [
  bin,
  ...process.env.PATH.split(delimiter).filter((dir) => !existsSync(join(dir, "nvcc"))),
];
let firstMetrics;
let passed = 0;
let failed = 0;

mkdirSync(folder);
mkdirSync(bin);
symlinkSync(process.execPath, join(bin, "node"));
try {
  testPackage();
} finally {
  rmSync(scratch, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

// --- internal ---

/** Each step needs those before it: the first that fails is the last. */
function testPackage() {
  let tarball;
  const isPacked = check("npm pack packs what runs, within its bounds", () => {
    const { packed, tarball: file } = packPackage(scratch);
    tarball = file;
    return checkContents(packed);
  });
  if (!isPacked) return;
  check("publint finds no fault", () => runTool("publint/src/cli.js", tarball));
  check("are-the-types-wrong finds no fault", () =>
    runTool("@arethetypeswrong/cli/dist/index.js", tarball, "--profile", "esm-only"),
  );
  const steps = [
    [
      "with Node alone on the PATH the package installs",
      () => {
        const packages = [tarball, `openai@${devDependencies.openai}`];
        run(
          process.execPath,
          [npmCli(), "install", "--no-audit", "--no-fund", ...packages],
          at(withNodeAlone),
        );
      },
    ],
    [`and trains the quickstart on Node ${process.versions.node}`, () => trainFirst(process.execPath)],
    ...newerNodes.map((version) => [
      `and on Node ${version}, to the same numbers`,
      () => trainAlike(installNode(version)),
    ]),
    ["and the examples train, the typed one on a Node that strips types", trainExamples],
    ["without the prebuilt addon the error names npx agl build", refusesWithoutAddon],
    ["without a compiler agl build names what is missing", refusesWithoutCompiler],
    [
      "npx agl build builds the addon and shows how far it is",
      () => {
        const { stderr } = run(
          process.execPath,
          [npxCli(), "agl", "build"],
          at(withCompiler.join(delimiter)),
        );
        return /build: the native addon, \d/.test(stderr) ? [] : [`expected progress, got ${stderr}`];
      },
    ],
    ["and the quickstart trains by it, to the same numbers", () => trainAlike(process.execPath)],
  ];
  for (const [name, body] of steps) if (!check(name, body)) return;
}

/** A development dependency's program, which says by its status whether all is well. */
function runTool(program, ...args) {
  run(process.execPath, [join(root, "node_modules", program), ...args], { cwd: scratch });
}

/** @param body  returns sentences that say what is wrong, or nothing */
function check(name, body) {
  const started = performance.now();
  let wrong;
  try {
    wrong = body() ?? [];
  } catch (error) {
    wrong = [error.message];
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${wrong.length === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const sentence of wrong) console.log(`     ${sentence}`);
  if (wrong.length === 0) passed += 1;
  else failed += 1;
  return wrong.length === 0;
}

/** @returns its metrics, times apart */
function train(node) {
  run(node, [quickstart, "--steps", "1"], at(withNodeAlone));
  const adapter = join(folder, ".agl", "quickstart", "adapter", "adapter_model.safetensors");
  if (!existsSync(adapter)) throw new Error(`expected ${adapter}, found none`);
  const text = readFileSync(join(folder, ".agl", "quickstart", "metrics.jsonl"), "utf8");
  return text.replaceAll(/"time\/[^,}]*/g, "");
}

function trainFirst(node) {
  firstMetrics = train(node);
}

function trainAlike(node) {
  const metrics = train(node);
  return metrics === firstMetrics ? [] : [`expected ${firstMetrics}, got ${metrics}`];
}

/** Node strips no types of what an installed package holds: the typed example is copied, as a user would. */
function trainExamples() {
  const examples = join(installed, "examples");
  copyFileSync(join(examples, "sums.ts"), join(folder, "sums.ts"));
  const starting = join(folder, ".agl", "quickstart", "starting-policy");
  const outputs = [
    run(process.execPath, [join(examples, "policy.mjs")], at(withNodeAlone)).stdout,
    run(installNode(newerNodes[0]), ["sums.ts", starting, "1"], at(withNodeAlone)).stdout,
  ];
  return outputs
    .filter((text) => !/reward \d\.\d{3}\n$/.test(text))
    .map((text) => `expected rewards, got ${text}`);
}

function refusesWithoutAddon() {
  rmSync(join(installed, "prebuilds"), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [quickstart, "--steps", "1"], at(withNodeAlone));
  const isRight = status !== 0 && stderr.includes("E_NATIVE") && stderr.includes("run `npx agl build`");
  return isRight ? [] : [`expected E_NATIVE and npx agl build, got status ${status}: ${stderr}`];
}

/** The command itself: npx would need a shell. */
function refusesWithoutCompiler() {
  const { status, stderr } = spawnSync(process.execPath, [agl, "build"], at(withNodeAlone));
  const isRight = status === 1 && stderr.includes("expected cmake >= 3.22, found none");
  return isRight ? [] : [`expected status 1 and the missing cmake, got ${status}: ${stderr}`];
}

function at(path) {
  const { HOME } = process.env;
  return {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { PATH: path, ...(HOME === undefined ? {} : { HOME }) },
  };
}
