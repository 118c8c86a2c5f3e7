// npm run bench: measures every subject and appends its rows to benchmarks/results.jsonl. Needs `npm run build` first.
//   --only products,decode   these subjects      --models "hidden 128"   these models     --rounds N   default 3
//   --threads N              default all cores   --force                 do not wait for a quiet machine
//   --compute f32,bf16       these paths         --no-peers              the engine alone
//   --device cuda            what the engine does there, without peers and limits, which are the CPU's; default cpu
// Without --compute: 0.5B in bf16 where the engine computes it, else in f32; smaller models in both.
import { join } from "node:path";
import { devices, LightningError, loadPolicy } from "agentlightning";
import { giveUp, root, runQuietly } from "../scripts/command.mjs";
import { readOptions } from "../scripts/options.mjs";
import { checkToolchain } from "../scripts/toolchain.mjs";
import { datedLines } from "./dated.mjs";
import * as decode from "./decode.mjs";
import * as endpoint from "./endpoint.mjs";
import * as grammar from "./grammar.mjs";
import * as group from "./group.mjs";
import * as grpo from "./grpo.mjs";
import { Harness } from "./harness.mjs";
import * as lateness from "./lateness.mjs";
import * as learning from "./learning.mjs";
import { Limits } from "./limits.mjs";
import { describeMachine } from "./machine.mjs";
import { modelFolder, sizes } from "./models.mjs";
import * as otlp from "./otlp.mjs";
import { Peers } from "./peers.mjs";
import * as prefill from "./prefill.mjs";
import * as products from "./products.mjs";
import * as quickstart from "./quickstart.mjs";
import { appendRow, showRow } from "./results.mjs";
import * as storeHttp from "./store-http.mjs";
import * as storeInProcess from "./store-in-process.mjs";
import * as storeLoad from "./store-load.mjs";
import * as sweep from "./sweep.mjs";
import * as weightSwitch from "./switch.mjs";
import * as training from "./training.mjs";

/**
 * @typedef {object} Bench  what a subject gets
 * @property {Harness} harness
 * @property {Limits} limits
 * @property {{ products: string }} programs
 * @property {readonly string[]} models  names
 * @property {(model: string, train?: "adapter" | "all") => readonly string[]} computes  paths to measure a model in
 * @property {Peers} peers
 * @property {boolean} hasPeers
 * @property {string} device  as loadPolicy takes it
 * @property {boolean} isOnCpu
 * @property {number} threads
 * @property {number} rounds
 */

const engine = [decode, prefill, training, group, grammar, grpo, weightSwitch, lateness];
const timed = [products, ...engine];
/** Hours of rewards: only when they are asked for. */
const long = [sweep, learning];
const all = [...timed, quickstart, endpoint, storeInProcess, storeHttp, storeLoad, otlp, ...long];
const paths = ["f32", "bf16"];
const names = namesOf(all);
const usage = `npm run bench -- [--only ${names}] [--models "${sizes}"] [--compute ${paths}] [--device cpu | cuda | cuda:N] [--threads N] [--rounds N] [--no-peers] [--force]`;
const values = readOptions(usage, {
  only: { type: "string" },
  models: { type: "string" },
  rounds: { type: "string", default: "3" },
  threads: { type: "string", default: `${describeMachine().cores}` },
  force: { type: "boolean", default: false },
  compute: { type: "string" },
  "no-peers": { type: "boolean", default: false },
  device: { type: "string", default: "cpu" },
});
const { device } = values;
const isOnCpu = device === "cpu";
const deviceName = isOnCpu ? "cpu" : nameOfDevice();
const usual = isOnCpu ? all.filter((one) => !long.includes(one)) : engine;
const wanted = chosen("only", namesOf(isOnCpu ? all : engine), namesOf(usual));
const subjects = all.filter(({ subject }) => wanted.includes(subject));
const hasLimits = isOnCpu && subjects.some((one) => timed.includes(one));
const hasPeers = isOnCpu && !values["no-peers"];
const harness = new Harness({ force: values.force });
const bench = {
  harness,
  limits: hasLimits ? new Limits(harness, buildNative("bench_limits")) : undefined,
  programs: hasLimits ? { products: buildNative("bench_products") } : undefined,
  models: chosen("models", sizes),
  computes: () => [],
  peers: new Peers(hasPeers),
  hasPeers,
  device,
  isOnCpu,
  threads: positive("threads"),
  rounds: positive("rounds"),
};
if (subjects.some((subject) => engine.includes(subject))) {
  bench.computes = await choosePaths();
  bench.models.forEach(modelFolder);
}

let loadedRows = 0;
for (const { rows } of subjects) {
  for await (const row of rows(bench)) {
    const written = appendRow({ device: deviceName, ...row });
    if (written.loaded) loadedRows++;
    console.log(showRow(written));
  }
}
if (loadedRows > 0)
  console.log(`${loadedRows} rows were measured on a loaded machine and must not be quoted`);
if (isOnCpu && process.env.PEERS_PYTHON === undefined)
  for (const line of datedLines(subjects.map(({ subject }) => subject))) console.log(line);

// --- internal ---

function namesOf(some) {
  return some.map(({ subject }) => subject);
}

function chosen(option, known, usual = known) {
  const given = values[option]?.split(",") ?? usual;
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined)
    giveUp(`bench: expected --${option} to name some of ${known.join(", ")}, got ${unknown}`);
  return given;
}

/** What its maker calls the GPU that --device names. */
function nameOfDevice() {
  const gpus = devices().filter(({ kind }) => kind === "cuda");
  const usable = gpus.filter(({ unavailable }) => unavailable === undefined);
  const found = device === "cuda" ? usable[0] : usable.find(({ name }) => name === device);
  if (found !== undefined) return found.model ?? found.name;
  const why = gpus.find(({ unavailable }) => unavailable)?.unavailable;
  const got = why ?? (usable.map(({ name }) => name).join(", ") || "no GPU");
  return giveUp(`bench: expected a GPU that can be used as --device ${device}, got ${got}`);
}

/** Which compute paths a model is measured in, of those that the engine has here. */
async function choosePaths() {
  const accepted = { adapter: [], all: [] };
  for (const train of Object.keys(accepted)) {
    for (const compute of chosen("compute", paths))
      if (await accepts({ compute, train })) accepted[train].push(compute);
  }
  return (model, train = "adapter") =>
    model === "0.5B" && values.compute === undefined ? accepted[train].slice(-1) : accepted[train];
}

async function accepts(options) {
  try {
    await (await loadPolicy(modelFolder("hidden 128"), { contextLength: 64, device, ...options })).close();
    return true;
  } catch (error) {
    if (!(error instanceof LightningError)) throw error;
    console.log(`bench: without ${options.compute}, train ${options.train}: ${error.message}`);
    return false;
  }
}

function positive(option) {
  const number = Number(values[option]);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  return giveUp(`bench: expected --${option} to be 1 or more, got ${values[option]}`);
}

function buildNative(target) {
  const build = join(root, "build", "bench");
  const generator = checkToolchain();
  runQuietly("cmake", ["-S", root, "-B", build, "-G", generator, "-DAGL_TESTS=OFF", "-DAGL_BENCH=ON"]);
  runQuietly("cmake", ["--build", build, "--target", target, "--parallel", "2"]);
  return join(build, target);
}
